/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration file, qkdtlsd.conf(5). Once read it is constant; a daemon owns it and services point into it.
 */
#ifndef QKDTLSD_CONFIG_H
#define QKDTLSD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <qkd/qkdtls.h>

#include "common/address.h"
#include "common/prefix.h"
#include "common/settings.h"

#define CONFIG_NAME_MAX	   31 /* characters of a service's name */
#define CONFIG_WORKERS_MAX 64

/* Where a connection's key schedule is: in this process, in the kernel if that can, in the kernel */
enum sealing {
	SEALED_NO,
	SEALED_PREFER,
	SEALED_YES,
};

/* Whose connections a service is for: those that it accepts, or those of the kernel's own users of TCP */
enum origin {
	FROM_NETWORK,
	FROM_KERNEL,
};

/**
 * struct service_config - one section "[service NAME]"
 * @next: the next section of the file
 * @name: NAME
 * @line: where the section's first setting stands
 * @seen: settings that were given, by their row in the table of config.c
 *
 * The others are the settings of qkdtlsd.conf(5); NULL where one may be left out and was.
 */
struct service_config {
	struct service_config *next;
	char *name;
	unsigned int line;
	uint64_t seen;

	enum qkdtls_role mode;
	struct address listen;
	struct address connect;
	char *hand_over; /* instead of both: a UNIX socket, with the three below */
	uint32_t hand_over_mode;
	char *hand_over_owner;
	char *hand_over_group;
	enum origin from;
	struct prefixes peer_address; /* none: any */
	char *link;
	char *local_sae;
	char *remote_sae;
	enum qkdtls_policy policy;
	char *certificate;
	char *private_key;
	char *trust;
	char *crl;
	char *ocsp_staple;
	bool ocsp_required;
	char *peer_name;
	char *groups;
	char *ciphers;
	char *signatures;
	char *chain_signatures;
	bool allow_classical_groups;
	bool allow_simulated;
	bool verify_client;
	char *alpn;
	uint32_t record_size_limit;
	uint32_t key_update_records;
	uint64_t key_update_bytes; /* 0: not given; so are seconds */
	uint32_t key_update_seconds;
	bool spare_key;
	enum sealing sealed;
	uint32_t handshake_timeout_s;
	uint32_t key_timeout_s;
	uint32_t max_connections;
	uint32_t
		max_handshakes; /* this and the two below: at most that many others, where not given */
	uint32_t max_connections_per_source;
	uint32_t max_handshakes_per_source;
	uint32_t idle_timeout_s; /* 0: for ever */
	uint64_t max_bytes; /* 0: without limit */
};

struct config {
	struct service_config *services; /* in the order of the file; at least one */
	uint32_t drain_timeout_s;
	bool handshake_agent;
	uint32_t workers; /* 0: as many as processors */
	char *stats; /* NULL: not given */
};

/*
 * 0 and *@config, for config_free(); or a negative errno and one line in @message that names file, line
 * and remedy.
 */
int config_load(const char *file, struct config **config, char message[SETTINGS_MESSAGE_LEN]);
void config_free(struct config *config); /* NULL does nothing */

#endif /* QKDTLSD_CONFIG_H */
