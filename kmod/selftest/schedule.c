// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sealed sessions compute, against known answers: RFC 5869, the vectors of RFC 9258 importers, RFC 8448 and a
 * handshake of BoringSSL. What these do not have (with SHA-384 or a QKD key, behind a KeyUpdate, from the exporter) is by an
 * independent implementation. In debug builds only, at load.
 */
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "../compat.h"
#include "../qkd.h"
#include "../sealed/sealed.h"

#define BYTES_MAX 128

/* The bytes of a hexadecimal text, which is one of ours */
struct bytes {
	size_t len;
	u8 at[BYTES_MAX];
};

static void read_hex(struct bytes *bytes, const char *hex)
{
	bytes->len = strlen(hex) / 2;
	if (bytes->len > BYTES_MAX || hex2bin(bytes->at, hex, bytes->len))
		bytes->len = 0;
}

static bool is(const u8 *bytes, const char *hex)
{
	struct bytes expected;

	read_hex(&expected, hex);
	return expected.len && !memcmp(bytes, expected.at, expected.len);
}

/* Salts are filled up with zeros to the length of a hash, as HMAC does. */
static const struct hkdf_case {
	const char *name;
	unsigned int kdf;
	const char *salt, *ikm, *info, *prk, *okm;
} hkdf_cases[] = {
	{
		.name = "RFC 5869 A.1",
		.kdf = QKD_KDF_SHA256,
		.salt = "000102030405060708090a0b0c00000000000000000000000000000000000000",
		.ikm = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		.info = "f0f1f2f3f4f5f6f7f8f9",
		.prk = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
		.okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
	},
	{
		.name = "RFC 5869 A.3",
		.kdf = QKD_KDF_SHA256,
		.salt = "0000000000000000000000000000000000000000000000000000000000000000",
		.ikm = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		.info = "",
		.prk = "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
		.okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
	},
	{
		.name = "inputs of RFC 5869 A.1 with SHA-384",
		.kdf = QKD_KDF_SHA384,
		.salt = "000102030405060708090a0b0c0000000000000000000000000000000000000000000000000000000000000000000000",
		.ikm = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		.info = "f0f1f2f3f4f5f6f7f8f9",
		.prk = "704b39990779ce1dc548052c7dc39f303570dd13fb39f7acc564680bef80e8dec70ee9a7e1f3e293ef68eceb072a5ade",
		.okm = "9b5097a86038b805309076a44b3a9f38063e25b516dcbf369f394cfab43685f748b6457763e4f0204fc5d95d1da3e62587b22eb8943d0fab6bb631a2fe9df1a68c6ce5d56116a520",
	},
};

static bool hkdf_holds(const struct hkdf_case *c)
{
	struct bytes salt, ikm, info;
	u8 prk[QKD_HASH_LEN_MAX], okm[BYTES_MAX];
	struct qkd_hkdf hkdf;
	bool holds;

	read_hex(&salt, c->salt);
	read_hex(&ikm, c->ikm);
	read_hex(&info, c->info);
	if (qkd_hkdf_init(&hkdf, c->kdf))
		return false;
	holds = !qkd_hkdf_hash(&hkdf, "", 0, prk) && !memcmp(prk, hkdf.empty, hkdf.len) &&
		!qkd_hkdf_extract(&hkdf, salt.at, ikm.at, ikm.len, prk) && is(prk, c->prk) &&
		!qkd_hkdf_key(&hkdf, prk) &&
		!qkd_hkdf_expand(&hkdf, info.at, info.len, okm, strlen(c->okm) / 2) &&
		is(okm, c->okm) &&
		qkd_hkdf_expand(&hkdf, NULL, 0, okm, 255 * hkdf.len + 1) == -EINVAL;
	qkd_hkdf_exit(&hkdf);
	return holds;
}

static const struct import_case {
	const char *name;
	unsigned int kdf;
	const char *epsk, *identity, *early, *transcript, *binder;
} import_cases[] = {
	{
		.name = "botan tls_13_psk_import 1",
		.kdf = QKD_KDF_SHA256,
		.epsk = "4142434441424344414243444142434441424344414243444142434441424344",
		.identity = "000470736b310008636f6e746578743103040001",
		.early = "8620d8819a937fc8aaf87e9de101ff9296d7e77ed0854fd1521ed1c155e4b602",
		.transcript = "61207472756e636174656420636c69656e742068656c6c6f",
		.binder = "cdcee6b9ad19cad414075f772082079d7813903e111abed05008d751cc0c1004",
	},
	{
		.name = "botan tls_13_psk_import 2",
		.kdf = QKD_KDF_SHA384,
		.epsk = "4142434441424344414243444142434441424344414243444142434441424344",
		.identity = "000470736b310008636f6e746578743103040002",
		.early =
			"057f19d9c87805c840ff8760659597d422090ca0a71dfed61827b88043d6f5f6ae2ba8ca2222c6fc489476ddcf6fa2bd",
		.transcript = "61207472756e636174656420636c69656e742068656c6c6f",
		.binder =
			"e2c7d5ddae2a0ca4486fb23d5f69e1f9be8a020e280c89fdefb5dc1e22be8a5335d93fb1bb7970acced42824336ed25e",
	},
	{
		.name = "QKD key, SHA-384",
		.kdf = QKD_KDF_SHA384,
		.epsk = "c071d5c51c0326cdff6d7777f061cfde87b8b2f4ee469652d32082ef1e0bcbeb",
		.identity = "0010bc4904197d60487fadc14ddcc177c139000003040002",
		.early =
			"ae0c9837eabdc7628cf1b47301599ef50a6d849b26298b2bd82040eb3bd472e404291203fe155083fec408a5d29a2734",
		.transcript = "61207472756e636174656420636c69656e742068656c6c6f",
		.binder =
			"00dbd9294c0c21580997a91a0ac3f247aeed0af2824dffe264b9e4078ac610e230fe566c9272690c9e11248e68247134",
	},
};

static bool import_holds(const struct import_case *c)
{
	struct bytes epsk, identity, transcript;
	u8 hash[QKD_HASH_LEN_MAX], binder[QKD_HASH_LEN_MAX];
	struct qkd_schedule schedule = {};
	bool holds;

	read_hex(&epsk, c->epsk);
	read_hex(&identity, c->identity);
	read_hex(&transcript, c->transcript);
	if (qkd_schedule_init(&schedule, c->kdf))
		return false;
	holds = !qkd_schedule_import(&schedule, epsk.at, epsk.len, identity.at, identity.len) &&
		is(schedule.early, c->early) &&
		!qkd_hkdf_hash(&schedule.hkdf, transcript.at, transcript.len, hash) &&
		!qkd_schedule_binder(&schedule, hash, binder) && is(binder, c->binder);
	qkd_schedule_exit(&schedule);
	return holds;
}

static const struct schedule_case {
	const char *name;
	unsigned int kdf, key_len;
	const char *early, *kex, *hello_hash, *client_handshake, *server_handshake, *main;
	const char *finished_hash, *client, *server, *exporter;
	const char *key, *next, *next_key; /* the server's; keys with their IVs */
	const char *exported; /* for "EXPORTER-test" and "context" */
} schedule_cases[] = {
	{
		.name = "RFC 8448 section 3",
		.kdf = QKD_KDF_SHA256,
		.key_len = 16,
		.early = "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a",
		.kex = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d",
		.hello_hash = "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8",
		.client_handshake =
			"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
		.server_handshake =
			"b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
		.main = "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919",
		.finished_hash = "9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13",
		.client = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
		.server = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
		.exporter = "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50",
		.key = "9f02283b6c9c07efc26bb9f2ac92e356cf782b88dd83549aadf1e984",
		.next = "51921b8aa3001976eb401d0a4319a8516416a6c56001a357e5d162031e84f916",
		.next_key = "2e63be99d67b39097feb9786cf7a15a0628a0a8298ac953baef4255a",
		.exported =
			"6b42f9f9156843559fc98feed480120e49314d669b27529015fe4759a5284e6ae158bb66c2d12a60",
	},
	{
		.name = "BoringSSL with a key imported for SHA-384",
		.kdf = QKD_KDF_SHA384,
		.key_len = 32,
		.early =
			"4eb6f8b43ac18d66447fe6c2cdd670094b71d436c08bca4e42a127662764b1afb9e8a032d4d59887ed39b2f476dbf301",
		.kex = "264ede426a28bc014f2557c3e49f2a4fb865ca3b9b254a088bea6629905a14b596d16d5e14efc262a48c61a87d7de8db2c42169f9c99f43374ddaa3bba230e71",
		.hello_hash =
			"ffcc99e79408ec9f6734bf7dbec6c2492fd957bf6da36de590aba640929fc6eb7ae12a9bab39348e98813843775703f6",
		.client_handshake =
			"40bacaec2ab2fb6cfcda010942069e00c5ec4edd86c5f7750789eab453bd213d98c7ce0a10590ff4198729e6c8b66062",
		.server_handshake =
			"da955d4ef91d26974166f76e91269651ccfa46eee2ae2a9dea032a5a8c4ce4e9bfe6e7bad4da87b0ab38885086d8aecc",
		.main = "33ee0ba6fea51a3217f730a5fc9464c5d15ab61f017b54e5e5dcb52be569cd6bdfa8b9489b791a1fea990727bbee429e",
		.finished_hash =
			"e21c441b4074e0f9d730a8a0afd8306a727d98d2ff61f0e229bd039dab40074265db9e20e11a129ae961f9b5c9dee625",
		.client =
			"bdbc7837642413fac1db66152f2370773bab0bb6f53ce8851d6cd4f57ac3e2047ba7b60bb1fcc5a119ec7b3f3734ce41",
		.server =
			"2a96f36470d4ef7b92d4d99c2de401a8cbdd4c2aa95d917db47d408589bcf3701e6e9df0689bd97e04bd6dfc63ee2a80",
		.exporter =
			"de7b4ea47f2e5c988796760e9a84265061959f9e0a2207805e415f93176d87223da4c03c6ffad383d14c6293e526d548",
		.key = "68cb205b3b1ce9aad567a03bec30714be3d6aba754b731e0a35b5bdc8f690efa467d911c37911bced6a9a377",
		.next = "57942130f00d1b03341d097d1ea9f762cd5bed83c03e6d2c7dc160555c8f28000da2d72aefa42a16ce926ae77160b144",
		.next_key =
			"cf5d06d7ec010a46725b05a84bea246df91121688c3a52cb1f2ad004e966107f927e425204bda812f859adfd",
		.exported =
			"05f5a881246e93f02bc94ab81dea7741c5308a6d3f4bf14c5bfdd5bc933537f39e0519f753ff06c0",
	},
};

static bool handshake_holds(struct qkd_schedule *schedule, const struct schedule_case *c)
{
	u8 client[QKD_HASH_LEN_MAX], server[QKD_HASH_LEN_MAX];
	struct bytes early, kex, hash;

	read_hex(&early, c->early);
	read_hex(&kex, c->kex);
	read_hex(&hash, c->hello_hash);
	memcpy(schedule->early, early.at, early.len);
	return !qkd_schedule_handshake(schedule, kex.at, kex.len, hash.at, client, server) &&
	       is(client, c->client_handshake) && is(server, c->server_handshake) &&
	       is(schedule->main, c->main) &&
	       !memchr_inv(schedule->early, 0, sizeof(schedule->early));
}

static bool application_holds(struct qkd_schedule *schedule, const struct schedule_case *c)
{
	struct bytes hash;

	read_hex(&hash, c->finished_hash);
	return !qkd_schedule_application(schedule, hash.at) &&
	       is(schedule->application[QKD_SENDER_CLIENT], c->client) &&
	       is(schedule->application[QKD_SENDER_SERVER], c->server) &&
	       is(schedule->exporter, c->exporter) &&
	       !memchr_inv(schedule->main, 0, sizeof(schedule->main));
}

static bool is_key(const struct qkd_traffic_key *key, unsigned int key_len, const char *hex)
{
	struct bytes expected;

	read_hex(&expected, hex);
	return expected.len == key_len + sizeof(key->iv) &&
	       !memcmp(key->key, expected.at, key_len) &&
	       !memcmp(key->iv, expected.at + key_len, sizeof(key->iv));
}

static bool keys_hold(struct qkd_schedule *schedule, const struct schedule_case *c)
{
	struct qkd_traffic_key key;
	u8 next[QKD_HASH_LEN_MAX];

	if (qkd_schedule_traffic_key(schedule, QKD_SENDER_SERVER, c->key_len, &key) ||
	    !is_key(&key, c->key_len, c->key) ||
	    qkd_schedule_next(schedule, QKD_SENDER_SERVER, c->key_len, next, &key) ||
	    !is(next, c->next) || !is_key(&key, c->key_len, c->next_key))
		return false;
	qkd_schedule_advance(schedule, QKD_SENDER_SERVER, next);
	return is(schedule->application[QKD_SENDER_SERVER], c->next) &&
	       is(schedule->application[QKD_SENDER_CLIENT], c->client);
}

static bool exporter_holds(struct qkd_schedule *schedule, const struct schedule_case *c)
{
	u8 hash[QKD_HASH_LEN_MAX], out[BYTES_MAX];

	return !qkd_hkdf_hash(&schedule->hkdf, "context", strlen("context"), hash) &&
	       !qkd_schedule_export(schedule, "EXPORTER-test", hash, out,
				    strlen(c->exported) / 2) &&
	       is(out, c->exported);
}

static bool schedule_holds(const struct schedule_case *c)
{
	struct qkd_schedule schedule = {};
	bool holds;

	if (qkd_schedule_init(&schedule, c->kdf))
		return false;
	holds = handshake_holds(&schedule, c) && application_holds(&schedule, c) &&
		keys_hold(&schedule, c) && exporter_holds(&schedule, c);
	qkd_schedule_exit(&schedule);
	return holds && !memchr_inv(&schedule, 0, sizeof(schedule));
}

#define CHECK_ALL(KIND)                                                           \
	do {                                                                      \
		for (int i = 0; i < ARRAY_SIZE(KIND##_cases); i++) {              \
			if (!KIND##_holds(&KIND##_cases[i])) {                    \
				pr_err("qkd: selftest: " #KIND ": %s: differs\n", \
				       KIND##_cases[i].name);                     \
				err = -EBADMSG;                                   \
			}                                                         \
		}                                                                 \
	} while (0)

int qkd_schedule_selftest(void)
{
	int err = 0;

	CHECK_ALL(hkdf);
	CHECK_ALL(import);
	CHECK_ALL(schedule);
	return err;
}
