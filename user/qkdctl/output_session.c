// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <arpa/inet.h>

#include "qkdctl/output.h"

#define SUITE_LEN   32
#define ADDRESS_LEN (INET6_ADDRSTRLEN + 1)

/* By their names in IANA's list; others by number. */
static const char *suite_name(uint16_t suite, char text[SUITE_LEN])
{
	switch (suite) {
	case 0x1301:
		return "TLS_AES_128_GCM_SHA256";
	case 0x1302:
		return "TLS_AES_256_GCM_SHA384";
	case 0x1303:
		return "TLS_CHACHA20_POLY1305_SHA256";
	default:
		snprintf(text, SUITE_LEN, "0x%04x", suite);
		return text;
	}
}

static const char *group_name(uint16_t group, char text[SUITE_LEN])
{
	switch (group) {
	case 0x11ec:
		return "X25519MLKEM768";
	case 0x11eb:
		return "SecP256r1MLKEM768";
	case 0x11ed:
		return "SecP384r1MLKEM1024";
	case 0x001d:
		return "x25519";
	case 0x0017:
		return "secp256r1";
	case 0x0018:
		return "secp384r1";
	default:
		snprintf(text, SUITE_LEN, "0x%04x", group);
		return text;
	}
}

static const char *direction_name(uint8_t direction)
{
	return direction == QKD_DIR_OUTBOUND ? "outbound" : "inbound";
}

static const char *address(const struct qkd_session_info *info, const uint8_t *bytes,
			   char text[ADDRESS_LEN])
{
	return inet_ntop(info->address_len == 4 ? AF_INET : AF_INET6, bytes, text, ADDRESS_LEN);
}

struct json_object *output_session_json(const struct qkd_session_info *info)
{
	char id[QKD_ID_TEXT_LEN + 1], suite[SUITE_LEN], end[ADDRESS_LEN];
	struct json_object *doc = json_object_new_object();

	qkd_id_format(info->id, id);
	json_object_object_add(doc, "id", json_object_new_string(id));
	json_object_object_add(doc, "link", json_object_new_string(info->link));
	json_object_object_add(doc, "direction",
			       json_object_new_string(direction_name(info->direction)));
	json_object_object_add(doc, "suite",
			       json_object_new_string(suite_name(info->suite, suite)));
	json_object_object_add(doc, "age_ms", json_object_new_uint64(info->age_ms));
	json_object_object_add(doc, "cookie", json_object_new_uint64(info->cookie));
	json_object_object_add(doc, "local",
			       json_object_new_string(address(info, info->local, end)));
	json_object_object_add(doc, "local_port", json_object_new_int(info->local_port));
	json_object_object_add(doc, "remote",
			       json_object_new_string(address(info, info->remote, end)));
	json_object_object_add(doc, "remote_port", json_object_new_int(info->remote_port));
	json_object_object_add(doc, "sealed", json_object_new_boolean(info->sealed));
	if (!info->sealed)
		return doc;
	json_object_object_add(doc, "group",
			       json_object_new_string(group_name(info->group, suite)));
	json_object_object_add(doc, "peer", json_object_new_string(info->peer));
	json_object_object_add(doc, "tx_generation", json_object_new_uint64(info->tx_generation));
	json_object_object_add(doc, "rx_generation", json_object_new_uint64(info->rx_generation));
	return doc;
}

void output_session(const struct qkd_session_info *info)
{
	char id[QKD_ID_TEXT_LEN + 1], suite[SUITE_LEN], local[ADDRESS_LEN], remote[ADDRESS_LEN];

	qkd_id_format(info->id, id);
	printf("%s: link %s %s suite %s age %" PRIu64 ".%03u local %s port %u remote %s port %u "
	       "cookie %" PRIu64,
	       id, info->link, direction_name(info->direction), suite_name(info->suite, suite),
	       info->age_ms / 1000, (unsigned int)(info->age_ms % 1000),
	       address(info, info->local, local), info->local_port,
	       address(info, info->remote, remote), info->remote_port, info->cookie);
	if (info->sealed)
		printf(" sealed group %s peer \"%s\" tx-generation %u rx-generation %u",
		       group_name(info->group, suite), info->peer, info->tx_generation,
		       info->rx_generation);
	putchar('\n');
}
