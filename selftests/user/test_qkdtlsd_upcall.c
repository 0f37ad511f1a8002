// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel's net/handshake upcall says, whole and mutilated, and which service it is for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "common/prefix.h"
#include "qkdtlsd/agent/choice.h"
#include "qkdtlsd/agent/upcall.h"

#define FD 7

/* Numbers of <linux/handshake.h>, written down once more so that a slip is seen */
enum {
	SOCKFD = 1,
	HANDLER_CLASS,
	MESSAGE_TYPE,
	TIMEOUT,
	AUTH_MODE,
	PEER_IDENTITY,
	CERTIFICATE,
	PEERNAME,
	KEYRING
};
enum { CLIENTHELLO = 1, SERVERHELLO = 2 };
enum { UNAUTH = 1, PSK = 2, X509 = 3 };

/**
 * struct message - one that is being made
 * @len: of @bytes
 * @bytes: aligned for its head
 */
struct message {
	size_t len;
	uint8_t bytes[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static void begin(struct message *m)
{
	memset(m, 0, sizeof(*m));
	m->len = NLMSG_HDRLEN + GENL_HDRLEN;
}

static void put(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr attr = { .nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len) };

	assert_true(m->len + NLA_ALIGN(NLA_HDRLEN + len) <= sizeof(m->bytes));
	memcpy(m->bytes + m->len, &attr, sizeof(attr));
	memcpy(m->bytes + m->len + NLA_HDRLEN, data, len);
	m->len += NLA_ALIGN(NLA_HDRLEN + len);
}

static void put_u32(struct message *m, uint16_t type, uint32_t value)
{
	put(m, type, &value, sizeof(value));
}

static void put_text(struct message *m, uint16_t type, const char *text)
{
	put(m, type, text, strlen(text) + 1);
}

/* In memory that ends where the message ends, so that a byte too far is seen */
static int parse_len(const struct message *m, size_t len, struct upcall_request *request)
{
	const struct nlmsghdr head = { .nlmsg_len = (uint32_t)len };
	void *bytes = malloc(len);
	int ret;

	assert_non_null(bytes);
	memcpy(bytes, m->bytes, len);
	memcpy(bytes, &head, sizeof(head));
	ret = upcall_parse(bytes, request);
	free(bytes);
	return ret;
}

static int parse(const struct message *m, struct upcall_request *request)
{
	return parse_len(m, m->len, request);
}

/* As tls_handshake_accept() in the kernel makes it */
static void put_usual(struct message *m)
{
	begin(m);
	put_u32(m, SOCKFD, FD);
	put_u32(m, MESSAGE_TYPE, CLIENTHELLO);
	put_text(m, PEERNAME, "zurich.example");
	put_u32(m, TIMEOUT, 5000);
	put_u32(m, AUTH_MODE, X509);
}

static void the_kernels_message_is_understood(void **state)
{
	struct upcall_request request;
	struct message m;

	put_usual(&m);
	assert_int_equal(parse(&m, &request), 0);
	assert_int_equal(request.fd, FD);
	assert_int_equal(request.role, QKDTLS_CLIENT);
	assert_int_equal(request.proof, UPCALL_CERTIFICATE);
	assert_int_equal(request.timeout_ms, 5000);
	assert_string_equal(request.name, "zurich.example");
}

static void a_server_gives_no_name_and_no_time(void **state)
{
	struct upcall_request request;
	struct message m;

	begin(&m);
	put_u32(&m, SOCKFD, 0);
	put_u32(&m, MESSAGE_TYPE, SERVERHELLO);
	put_u32(&m, AUTH_MODE, X509);
	assert_int_equal(parse(&m, &request), 0);
	assert_int_equal(request.fd, 0);
	assert_int_equal(request.role, QKDTLS_SERVER);
	assert_int_equal(request.timeout_ms, 0);
	assert_string_equal(request.name, "");
}

static enum upcall_proof proof(uint32_t mode, uint16_t with, size_t count)
{
	struct upcall_request request;
	struct message m;

	begin(&m);
	put_u32(&m, SOCKFD, FD);
	put_u32(&m, MESSAGE_TYPE, CLIENTHELLO);
	put_u32(&m, AUTH_MODE, mode);
	for (size_t i = 0; i < count; i++)
		put(&m, with, "\10\0\1\0\1\0\0\0\10\0\2\0\2\0\0", 16);
	assert_int_equal(parse(&m, &request), 0);
	return request.proof;
}

static void what_is_not_served_is_told_apart(void **state)
{
	assert_int_equal(proof(UNAUTH, 0, 0), UPCALL_NOTHING);
	assert_int_equal(proof(X509, 0, 0), UPCALL_CERTIFICATE);
	assert_int_equal(proof(X509, CERTIFICATE, 1), UPCALL_OTHER);
	assert_int_equal(proof(X509, CERTIFICATE, 3), UPCALL_OTHER);
	assert_int_equal(proof(PSK, PEER_IDENTITY, 5), UPCALL_OTHER);
	assert_int_equal(proof(PSK, 0, 0), UPCALL_OTHER);
	assert_int_equal(proof(0, 0, 0), UPCALL_OTHER);
	assert_int_equal(proof(4, 0, 0), UPCALL_OTHER);
	assert_int_equal(proof(UINT32_MAX, 0, 0), UPCALL_OTHER);
}

/* Newer kernels say more. */
static void what_is_not_known_is_passed_over(void **state)
{
	struct upcall_request request;
	struct message m;

	put_usual(&m);
	put_u32(&m, KEYRING, 1);
	put_u32(&m, 200, 1);
	put_u32(&m, 200, 1);
	assert_int_equal(parse(&m, &request), 0);
}

/* Whoever may be refused must be refused on his socket. */
static void a_descriptor_is_never_lost(void **state)
{
	static const uint16_t needed[] = { MESSAGE_TYPE, AUTH_MODE };
	struct upcall_request request;
	struct message m;

	for (size_t i = 0; i < 2; i++) {
		begin(&m);
		put_u32(&m, SOCKFD, FD);
		put_u32(&m, needed[i], 1);
		assert_int_equal(parse(&m, &request), -EBADMSG);
		assert_int_equal(request.fd, FD);
	}
	begin(&m);
	put(&m, MESSAGE_TYPE, "", 1);
	put_u32(&m, SOCKFD, FD);
	assert_int_equal(parse(&m, &request), -EBADMSG);
	assert_int_equal(request.fd, FD);
}

static void without_a_descriptor_there_is_nothing(void **state)
{
	struct upcall_request request;
	struct message m;

	begin(&m);
	put_u32(&m, MESSAGE_TYPE, CLIENTHELLO);
	put_u32(&m, AUTH_MODE, X509);
	assert_int_equal(parse(&m, &request), -EBADMSG);
	assert_int_equal(request.fd, -1);
	put(&m, SOCKFD, "\1\0", 2);
	assert_int_equal(parse(&m, &request), -EBADMSG);
	assert_int_equal(request.fd, -1);
	begin(&m);
	put_u32(&m, SOCKFD, UINT32_MAX);
	assert_int_equal(parse(&m, &request), -EBADMSG);
	assert_true(request.fd < 0);
}

static void nothing_is_said_twice(void **state)
{
	static const uint16_t once[] = { SOCKFD, MESSAGE_TYPE, TIMEOUT, AUTH_MODE };
	struct upcall_request request;
	struct message m;

	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		put_usual(&m);
		put_u32(&m, once[i], 1);
		assert_int_equal(parse(&m, &request), -EBADMSG);
		assert_int_equal(request.fd, FD);
	}
	put_usual(&m);
	put_text(&m, PEERNAME, "other.example");
	assert_int_equal(parse(&m, &request), -EBADMSG);
}

static void numbers_have_their_size(void **state)
{
	static const uint16_t numbers[] = { MESSAGE_TYPE, TIMEOUT, AUTH_MODE };
	struct upcall_request request;
	struct message m;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (size_t len = 0; len < 4; len++) {
			begin(&m);
			put_u32(&m, SOCKFD, FD);
			for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
				if (j == i)
					put(&m, numbers[j], "\1\0\0\0", len);
				else
					put_u32(&m, numbers[j], 1);
			}
			assert_int_equal(parse(&m, &request), -EBADMSG);
			assert_int_equal(request.fd, FD);
		}
	}
}

static void a_role_is_one_of_two(void **state)
{
	static const uint32_t roles[] = { 0, 3, 0x10001, UINT32_MAX };
	struct upcall_request request;
	struct message m;

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		begin(&m);
		put_u32(&m, SOCKFD, FD);
		put_u32(&m, MESSAGE_TYPE, roles[i]);
		put_u32(&m, AUTH_MODE, X509);
		assert_int_equal(parse(&m, &request), -EBADMSG);
	}
}

static int parse_name(const void *name, size_t len, struct upcall_request *request)
{
	struct message m;

	begin(&m);
	put_u32(&m, SOCKFD, FD);
	put_u32(&m, MESSAGE_TYPE, CLIENTHELLO);
	put_u32(&m, AUTH_MODE, X509);
	put(&m, PEERNAME, name, len);
	return parse(&m, request);
}

static void names_are_text_that_ends(void **state)
{
	struct upcall_request request;
	char longest[UPCALL_NAME_LEN + 1];

	memset(longest, 'a', sizeof(longest));
	longest[UPCALL_NAME_LEN - 1] = '\0';
	assert_int_equal(parse_name(longest, UPCALL_NAME_LEN, &request), 0);
	assert_int_equal(strlen(request.name), UPCALL_NAME_LEN - 1);
	assert_int_equal(parse_name("", 1, &request), 0);
	assert_string_equal(request.name, "");
	assert_int_equal(parse_name("", 0, &request), -EBADMSG);
	assert_int_equal(parse_name("abc", 3, &request), -EBADMSG);
	assert_int_equal(parse_name("a\0b", 4, &request), -EBADMSG);
	assert_int_equal(parse_name("a b", 4, &request), -EBADMSG);
	assert_int_equal(parse_name("a\nb", 4, &request), -EBADMSG);
	assert_int_equal(parse_name("a\xc3\xa4", 4, &request), -EBADMSG);
	longest[UPCALL_NAME_LEN - 1] = 'a';
	longest[UPCALL_NAME_LEN] = '\0';
	assert_int_equal(parse_name(longest, UPCALL_NAME_LEN + 1, &request), -EBADMSG);
	assert_int_equal(request.fd, FD);
}

static void every_shorter_message_is_refused_or_whole(void **state)
{
	struct upcall_request request;
	struct message m;
	int ret;

	put_usual(&m);
	for (size_t len = NLMSG_HDRLEN; len < m.len; len++) {
		ret = parse_len(&m, len, &request);
		assert_int_equal(ret, -EBADMSG);
		assert_true(request.fd == FD || request.fd == -1);
	}
}

/* Lengths that lie: the first attribute's, in every size up to the largest */
static void lengths_that_lie_are_seen(void **state)
{
	struct upcall_request request;
	struct nlattr attr;
	struct message m;

	for (uint32_t len = 0; len <= UINT16_MAX; len++) {
		put_usual(&m);
		memcpy(&attr, m.bytes + NLMSG_HDRLEN + GENL_HDRLEN, sizeof(attr));
		if (len == attr.nla_len)
			continue;
		attr.nla_len = (uint16_t)len;
		memcpy(m.bytes + NLMSG_HDRLEN + GENL_HDRLEN, &attr, sizeof(attr));
		assert_int_equal(parse(&m, &request), -EBADMSG);
		assert_int_equal(request.fd, -1);
	}
}

static void huge_attributes_do_no_harm(void **state)
{
	static const uint8_t zeros[4096];
	struct upcall_request request;
	struct message m;

	for (uint16_t type = 0; type < 12; type++) {
		put_usual(&m);
		put(&m, type, zeros, sizeof(zeros));
		if (parse(&m, &request))
			assert_int_equal(request.fd, FD);
	}
}

/* ---- Which service ---- */

/**
 * struct stage - a connection over the loopback interface and two services
 * @server: a socket of it; the peer's address is 127.0.0.1
 * @client: the other
 * @configs: of the services
 * @services: for them
 */
struct stage {
	int server;
	int client;
	struct service_config configs[2];
	struct service services[2];
};

static void stage_connect(struct stage *stage)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
	stage->client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(stage->client, (struct sockaddr *)&sa, sizeof(sa)), 0);
	stage->server = accept(listener, NULL, NULL);
	assert_true(stage->server >= 0);
	close(listener);
}

static int set_up(void **state)
{
	static struct stage stage;

	memset(&stage, 0, sizeof(stage));
	stage_connect(&stage);
	for (int i = 0; i < 2; i++) {
		stage.configs[i] = (struct service_config){
			.mode = QKDTLS_CLIENT,
			.from = FROM_KERNEL,
			.certificate = (char *)"c.pem",
			.peer_name = (char *)(i ? "basel.example" : "zurich.example"),
		};
		stage.services[i].config = &stage.configs[i];
	}
	stage.services[0].next = &stage.services[1];
	*state = &stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	close(stage->client);
	close(stage->server);
	return 0;
}

static struct upcall_request wanted(const struct stage *stage, const char *name)
{
	struct upcall_request request = {
		.fd = stage->client,
		.role = QKDTLS_CLIENT,
		.proof = UPCALL_CERTIFICATE,
	};

	strcpy(request.name, name);
	return request;
}

/* 0 and 1: which service; else the negative errno */
static int chosen(struct stage *stage, const struct upcall_request *request)
{
	struct choice choice;

	choose(stage->services, request, &choice);
	if (choice.service)
		return (int)(choice.service - stage->services);
	assert_true(choice.error < 0);
	assert_non_null(choice.reason);
	return choice.error;
}

static int chosen_by_name(struct stage *stage, const char *name)
{
	const struct upcall_request request = wanted(stage, name);

	return chosen(stage, &request);
}

static void names_choose(void **state)
{
	assert_int_equal(chosen_by_name(*state, "zurich.example"), 0);
	assert_int_equal(chosen_by_name(*state, "BASEL.example"), 1);
	assert_int_equal(chosen_by_name(*state, "bern.example"), -EACCES);
	assert_int_equal(chosen_by_name(*state, "zurich.example."), -EACCES);
	/* None, and addresses, fit any. */
	assert_int_equal(chosen_by_name(*state, ""), 0);
	assert_int_equal(chosen_by_name(*state, "192.0.2.1"), 0);
	assert_int_equal(chosen_by_name(*state, "2001:db8::1"), 0);
}

static void addresses_choose(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(prefixes_parse("192.0.2.0/24", &stage->configs[0].peer_address), 0);
	assert_int_equal(chosen_by_name(stage, ""), 1);
	assert_int_equal(prefixes_parse("10.0.0.0/8,127.0.0.0/8", &stage->configs[0].peer_address),
			 0);
	assert_int_equal(chosen_by_name(stage, ""), 0);
	assert_int_equal(prefixes_parse("::/0", &stage->configs[0].peer_address), 0);
	assert_int_equal(chosen_by_name(stage, ""), 0);
	assert_int_equal(prefixes_parse("::1", &stage->configs[0].peer_address), 0);
	assert_int_equal(chosen_by_name(stage, "zurich.example"), -EACCES);
}

static void roles_and_proofs_choose(void **state)
{
	struct stage *stage = *state;
	struct upcall_request request = wanted(stage, "");

	request.role = QKDTLS_SERVER;
	assert_int_equal(chosen(stage, &request), -EACCES);
	stage->configs[1].mode = QKDTLS_SERVER;
	assert_int_equal(chosen(stage, &request), 1);
	request = wanted(stage, "");
	request.proof = UPCALL_NOTHING;
	assert_int_equal(chosen(stage, &request), -EACCES);
	stage->configs[0].certificate = NULL;
	assert_int_equal(chosen(stage, &request), 0);
	request.proof = UPCALL_CERTIFICATE;
	assert_int_equal(chosen(stage, &request), -EACCES);
	request.proof = UPCALL_OTHER;
	assert_int_equal(chosen(stage, &request), -EOPNOTSUPP);
}

static void services_of_the_network_are_not_chosen(void **state)
{
	struct stage *stage = *state;

	stage->configs[0].from = FROM_NETWORK;
	assert_int_equal(chosen_by_name(stage, ""), 1);
}

static void only_connected_tcp_is_served(void **state)
{
	struct stage *stage = *state;
	struct upcall_request request = wanted(stage, "");

	request.fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(chosen(stage, &request), -EINVAL);
	close(request.fd);
	assert_int_equal(chosen(stage, &request), -EINVAL);
	request.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(chosen(stage, &request), -ETIMEDOUT);
	close(request.fd);
}

/* ---- Addresses ---- */

static bool in(const char *set, const char *address)
{
	struct sockaddr_storage sa = { 0 };
	struct prefixes prefixes;

	assert_int_equal(prefixes_parse(set, &prefixes), 0);
	sa.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(sa.ss_family, address,
				   sa.ss_family == AF_INET6
					   ? (void *)&((struct sockaddr_in6 *)&sa)->sin6_addr
					   : (void *)&((struct sockaddr_in *)&sa)->sin_addr),
			 1);
	return prefixes_have(&prefixes, &sa);
}

static void prefixes_hold_what_is_in_them(void **state)
{
	assert_true(in("192.0.2.1", "192.0.2.1"));
	assert_false(in("192.0.2.1", "192.0.2.2"));
	assert_true(in("192.0.2.128/25", "192.0.2.129"));
	assert_false(in("192.0.2.128/25", "192.0.2.127"));
	assert_true(in("0.0.0.0/0", "203.0.113.1"));
	assert_false(in("0.0.0.0/0", "2001:db8::1"));
	assert_true(in("192.0.2.0/24", "::ffff:192.0.2.9"));
	assert_true(in("::ffff:192.0.2.0/120", "192.0.2.9"));
	assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(in(" 192.0.2.1 , 2001:db8::1 ", "2001:db8::1"));
}

static void prefixes_have_one_form(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		",",
		"192.0.2.1,",
		",192.0.2.1",
		"192.0.2.1,,192.0.2.2",
		"192.0.2.1 192.0.2.2",
		"192.0.2",
		"192.0.2.256",
		"192.0.2.1/",
		"192.0.2.1/33",
		"192.0.2.1/24",
		"192.0.2.0/-1",
		"192.0.2.0/24/24",
		"/24",
		"2001:db8::/129",
		"2001:db8::1/64",
		"[::1]",
		"fe80::1%eth0",
		"zurich.example",
		"192.0.2.1:80",
		"00000000000000000000000000000000000000000000000000000000000000000001",
	};
	struct prefixes prefixes;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(prefixes_parse(bad[i], &prefixes), -EINVAL);
	assert_int_equal(
		prefixes_parse("::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1",
			       &prefixes),
		0);
	assert_int_equal(prefixes.count, PREFIXES_MAX);
	assert_int_equal(
		prefixes_parse(
			"::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1",
			&prefixes),
		-E2BIG);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_message_is_understood),
		cmocka_unit_test(a_server_gives_no_name_and_no_time),
		cmocka_unit_test(what_is_not_served_is_told_apart),
		cmocka_unit_test(what_is_not_known_is_passed_over),
		cmocka_unit_test(a_descriptor_is_never_lost),
		cmocka_unit_test(without_a_descriptor_there_is_nothing),
		cmocka_unit_test(nothing_is_said_twice),
		cmocka_unit_test(numbers_have_their_size),
		cmocka_unit_test(a_role_is_one_of_two),
		cmocka_unit_test(names_are_text_that_ends),
		cmocka_unit_test(every_shorter_message_is_refused_or_whole),
		cmocka_unit_test(lengths_that_lie_are_seen),
		cmocka_unit_test(huge_attributes_do_no_harm),
		STAGED(names_choose),
		STAGED(addresses_choose),
		STAGED(roles_and_proofs_choose),
		STAGED(services_of_the_network_are_not_chosen),
		STAGED(only_connected_tcp_is_served),
		cmocka_unit_test(prefixes_hold_what_is_in_them),
		cmocka_unit_test(prefixes_have_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
