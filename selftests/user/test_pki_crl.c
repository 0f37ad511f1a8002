// SPDX-License-Identifier: GPL-2.0-or-later
/* Certificate revocation lists: what they say about each certificate of a chain, and what it takes to believe them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "authority.h"
#include "judge.h"
#include "rows.h"
#include "site.h"

#define HOUR 3600L

static struct world {
	struct authority root, inter, leaf, other, mute, mute_leaf, old, old_leaf;
} world;

struct file {
	const char *name;
	struct authority_list list[2];
};

static void write_lists(struct pki *pki)
{
#define ROOT  .issuer = &world.root
#define INTER .issuer = &world.inter
	const struct file files[] = {
		{ "good", { { ROOT }, { INTER } } },
		{ "inter-only", { { INTER } } },
		{ "root-only", { { ROOT } } },
		{ "leaf-revoked", { { ROOT }, { INTER, .revoked = { &world.leaf } } } },
		{ "other-revoked", { { ROOT }, { INTER, .revoked = { &world.other } } } },
		{ "inter-revoked", { { ROOT, .revoked = { &world.inter } }, { INTER } } },
		{ "root-revoked", { { ROOT, .revoked = { &world.root } }, { INTER } } },
		{ "leaf-outdated", { { ROOT }, { INTER, .from = -9 * HOUR, .until = -HOUR } } },
		{ "leaf-early", { { ROOT }, { INTER, .from = HOUR, .until = 9 * HOUR } } },
		{ "inter-outdated", { { ROOT, .from = -9 * HOUR, .until = -HOUR }, { INTER } } },
		{ "root-old-and-new", { { INTER, .from = -9 * HOUR, .until = -HOUR }, { INTER } } },
		{ "bad-signature", { { ROOT }, { INTER, .signer = &world.other } } },
		{ "issuer-by-root", { { ROOT }, { INTER, .signer = &world.root } } },
		{ "wrong-issuer", { { ROOT }, { .issuer = &world.other } } },
		{ "critical",
		  { { ROOT }, { INTER, .ext = { NID_netscape_comment, "critical,x" } } } },
		{ "users-only",
		  { { ROOT },
		    { INTER,
		      .ext = { NID_issuing_distribution_point, "critical,onlyuser:TRUE" } } } },
		{ "authorities-only",
		  { { ROOT },
		    { INTER,
		      .ext = { NID_issuing_distribution_point, "critical,onlyCA:TRUE" } } } },
		{ "mute", { { ROOT }, { .issuer = &world.mute } } },
		{ "old", { { .issuer = &world.old } } },
		{ "delta", { { INTER, .ext = { NID_delta_crl, "critical,DER:020101" } } } },
		{ "endless", { { INTER, .endless = true } } },
		{ "sha1", { { INTER, .digest = EVP_sha1() } } },
		{ "indirect",
		  { { INTER,
		      .ext = { NID_issuing_distribution_point, "critical,indirectCRL:TRUE" } } } },
		{ "reasons",
		  { { INTER, .ext = { NID_issuing_distribution_point,
				      "critical,onlysomereasons:keyCompromise" } } } },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		for (size_t j = 0; j < 2 && files[i].list[j].issuer; j++)
			authority_write_list(pki, files[i].name, &files[i].list[j], j);
}

static void build_world(struct pki *pki)
{
	struct authority_plan mute = {
		.subject = "Mute",
		.ext = { { NID_basic_constraints, "critical,CA:TRUE" },
			 { NID_key_usage, "critical,keyCertSign" } },
	};

	const struct authority_plan old = {
		.subject = "Old",
		.not_before = -9 * HOUR,
		.not_after = -HOUR,
		.ext = { AUTHORITY_CA },
	};

	if (world.root.cert)
		return;
	world.root = authority_make_ca("Root", NULL);
	world.inter = authority_make_ca("Intermediate", &world.root);
	world.leaf = authority_make_leaf("Leaf", &world.inter);
	world.other = authority_make_ca("Other", NULL);
	mute.issuer = &world.root;
	world.mute = authority_make(&mute);
	world.mute_leaf = authority_make_leaf("Leaf", &world.mute);
	world.old = authority_make(&old);
	world.old_leaf = authority_make_leaf("Leaf", &world.old);

	const X509 *chain[] = { world.leaf.cert, world.inter.cert, world.root.cert };
	const X509 *mute_chain[] = { world.mute_leaf.cert, world.mute.cert };
	const X509 *old_chain[] = { world.old_leaf.cert, world.old.cert };

	authority_write_chain(pki, "chain.pem", chain, 2, false);
	authority_write_chain(pki, "alone.pem", chain, 1, false);
	authority_write_chain(pki, "inter.pem", &chain[1], 1, false);
	authority_write_chain(pki, "root.pem", &chain[2], 1, false);
	authority_write_chain(pki, "mute.pem", mute_chain, 2, false);
	authority_write_chain(pki, "old.pem", old_chain, 2, false);
	authority_write_chain(pki, "old-root.pem", &old_chain[1], 1, false);
	authority_write_key(pki, "old.key", &world.old_leaf);
	authority_write_pin(pki, "pin-inter", &world.inter, false);
	authority_write_pin(pki, "pin-leaf", &world.leaf, false);
	authority_write_key(pki, "leaf.key", &world.leaf);
	authority_write_key(pki, "mute.key", &world.mute_leaf);
	write_lists(pki);
}

#define NONE	QKDTLS_ALERT_NONE
#define REVOKED QKDTLS_ALERT_CERTIFICATE_REVOKED
#define UNKNOWN QKDTLS_ALERT_CERTIFICATE_UNKNOWN

static const struct crl_row {
	const char *what;
	enum qkdtls_alert alert;
	const char *trust;
	const char *crl;
	const char *chain;
	const char *key;
} crl_rows[] = {
	{ "a list for each", NONE, "root.pem", "good" },
	{ "others revoked", NONE, "root.pem", "other-revoked" },
	{ "leaf revoked", REVOKED, "root.pem", "leaf-revoked" },
	{ "intermediate revoked", REVOKED, "root.pem", "inter-revoked" },
	{ "no list for the leaf", UNKNOWN, "root.pem", "root-only" },
	{ "no list for the intermediate", UNKNOWN, "root.pem", "inter-only" },
	{ "list for the leaf outdated", UNKNOWN, "root.pem", "leaf-outdated" },
	{ "list for the leaf of the future", UNKNOWN, "root.pem", "leaf-early" },
	{ "list for the intermediate outdated", UNKNOWN, "root.pem", "inter-outdated" },
	{ "list with a bad signature", UNKNOWN, "root.pem", "bad-signature" },
	{ "list signed by the CA above", UNKNOWN, "root.pem", "issuer-by-root" },
	{ "list of another issuer", UNKNOWN, "root.pem", "wrong-issuer" },
	{ "list with an unknown critical extension", UNKNOWN, "root.pem", "critical" },
	{ "list for end entities", NONE, "root.pem", "users-only" },
	{ "list for authorities only", UNKNOWN, "root.pem", "authorities-only" },
	{ "issuer that may sign no lists", UNKNOWN, "root.pem", "mute", "mute.pem", "mute.key" },
	{ "root in its own list", NONE, "root.pem", "root-revoked" },
	/* Nobody is asked about an anchor, but what else is wrong with it is wrong with a list, too. */
	{ "outdated anchor", QKDTLS_ALERT_CERTIFICATE_EXPIRED, "old-root.pem", "old", "old.pem",
	  "old.key" },
	{ "intermediate is the anchor", NONE, "inter.pem", "inter-only" },
	{ "intermediate is the anchor, and revoked", NONE, "inter.pem", "inter-revoked" },
	{ "intermediate is the anchor, leaf revoked", REVOKED, "inter.pem", "leaf-revoked" },
	{ "intermediate is the anchor, no list", UNKNOWN, "inter.pem", "root-only" },
	{ "an outdated list beside the new one", NONE, "inter.pem", "root-old-and-new" },
	{ "intermediate pinned", NONE, "pin-inter", "inter-only" },
	{ "intermediate pinned, leaf revoked", REVOKED, "pin-inter", "leaf-revoked" },
	{ "intermediate pinned, no list", UNKNOWN, "pin-inter", "root-only" },
	{ "leaf pinned", NONE, "pin-leaf", "leaf-revoked" },
	{ "leaf listed", NONE, "alone.pem", "leaf-revoked" },
};

static void judge_lists(void **state)
{
	const struct crl_row *row = *state;
	const struct judge_case judged = {
		.chain = row->chain ? row->chain : "chain.pem",
		.key = row->key ? row->key : "leaf.key",
		.trust = row->trust,
		.crl = row->crl,
	};

	build_world(rows_pki());
	judge_both(rows_pki(), &judged, row->alert);
}

static void bad_list_files_are_refused(void **state)
{
	static const struct {
		const char *file;
		int err;
		const char *said;
	} rows[] = {
		{ "none", -EINVAL, "none: No such file" },
		{ "empty", -EINVAL, "empty: contains no CRL" },
		{ "root.pem", -EINVAL, "root.pem: contains no CRL" },
		{ "broken", -EINVAL, "broken: a CRL in it cannot be read" },
		{ "delta", -EOPNOTSUPP, "delta: a delta CRL" },
		{ "indirect", -EOPNOTSUPP, "indirect: an indirect CRL" },
		{ "reasons", -EOPNOTSUPP, "reasons: a CRL for some reasons only" },
		{ "endless", -EOPNOTSUPP, "endless: a CRL without an end" },
		{ "sha1", -EOPNOTSUPP, "sha1: a CRL that is signed with a weak" },
	};
	struct qkdtls_config *config = qkdtls_config_new();

	build_world(*state);
	pki_write(*state, "empty", "", 0644);
	pki_write(*state, "broken", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n",
		  0644);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int err = qkdtls_config_set_crl(config, pki_path(*state, rows[i].file));

		if (err != rows[i].err || !strstr(qkdtls_config_message(config), rows[i].said))
			fail_msg("row %zu: %d, \"%s\"", i, err, qkdtls_config_message(config));
	}
	assert_int_equal(qkdtls_config_set_crl(config, pki_path(*state, "good")), 0);
	assert_string_equal(qkdtls_config_message(config), "");
	qkdtls_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_list_files_are_refused),
	};

	ROWS(judge_lists, crl_rows);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
