// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The traces of RFC 8448, replayed step by step: every secret, key, IV and Finished is derived and every
 * record made and opened, byte for byte, by the primitives and by the objects that the handshake uses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "hkdf.h"
#include "tls/record.h"
#include "tls/schedule.h"
#include "tls/transcript.h"
#include "vectors.h"

#define HASH	 QKDTLS_SHA256
#define HASH_LEN 32

static const uint8_t retry_random[4] = { 0xcf, 0x21, 0xad, 0x74 };

enum trace_epoch {
	TRACE_EARLY,
	TRACE_HANDSHAKE,
	TRACE_APPLICATION,
	TRACE_EPOCHS,
};

static const struct {
	const char *name;
	enum trace_epoch epoch;
} epochs[] = {
	{ "for early application data", TRACE_EARLY },
	{ "for handshake data", TRACE_HANDSHAKE },
	{ "for application data", TRACE_APPLICATION },
};

struct replay {
	struct qkdtls_transcript transcript;
	struct qkdtls_schedule *schedule;
	struct blob kex_secret;
	struct qkdtls_traffic_key keys[TRACE_EPOCHS][2];
	struct qkdtls_record_writer writers[2];
	struct qkdtls_record_reader readers[2]; /* of what that side wrote */
	unsigned int secrets;
	unsigned int finished;
	unsigned int records;
};

struct step {
	enum qkdtls_role side;
	const char *what;
	struct json_object *values;
};

static void add_message(struct replay *r, struct blob message)
{
	bool server_hello = message.data[0] == 2;
	bool retry = server_hello && !memcmp(message.data + 6, retry_random, sizeof(retry_random));

	if (retry)
		assert_int_equal(qkdtls_transcript_retry(&r->transcript, HASH), 0);
	assert_int_equal(qkdtls_transcript_add(&r->transcript, message.data, message.len), 0);
	if (server_hello && !retry)
		assert_int_equal(qkdtls_transcript_start(&r->transcript, HASH), 0);
}

static void construct(struct replay *r, const struct step *step)
{
	json_object_object_foreach(step->values, name, value)
	{
		(void)value;
		/* A ClientHello is whole only in its record: the binder comes after this step. */
		if (strcmp(name, "ClientHello"))
			add_message(r, vectors_blob(step->values, name));
	}
}

static void create(struct replay *r, const struct step *step)
{
}

static bool all_zero(struct blob blob)
{
	size_t i;

	for (i = 0; i < blob.len; i++) {
		if (blob.data[i])
			return false;
	}
	return true;
}

static void extract(struct replay *r, const struct step *step)
{
	struct blob salt = vectors_blob(step->values, "salt");
	struct blob ikm = vectors_blob(step->values, "IKM");
	uint8_t secret[HASH_LEN];

	assert_int_equal(hkdf_extract(HASH, salt.data, salt.len, ikm.data, ikm.len, secret), 0);
	assert_blob(vectors_blob(step->values, "secret"), secret, HASH_LEN);
	r->secrets++;
	if (strstr(step->what, "\"early\"")) {
		bool none = all_zero(ikm);

		assert_int_equal(qkdtls_schedule_early(r->schedule, none ? NULL : ikm.data,
						       none ? 0 : ikm.len),
				 0);
	} else if (strstr(step->what, "\"handshake\"")) {
		r->kex_secret = ikm;
	}
}

/* "tls13 LABEL" out of a step's title */
static void label_of(const struct step *step, char label[32])
{
	const char *start = strstr(step->what, "\"tls13 "), *end;

	assert_non_null(start);
	start += strlen("\"tls13 ");
	end = strchr(start, '"');
	assert_non_null(end);
	assert_true(end - start < 32);
	memcpy(label, start, (size_t)(end - start));
	label[end - start] = '\0';
}

static void check_transcript(struct replay *r, struct blob hash)
{
	uint8_t now[HASH_LEN];

	assert_int_equal(qkdtls_transcript_hash(&r->transcript, now), 0);
	assert_blob(hash, now, HASH_LEN);
}

/* What the schedule object has for the same label */
static void check_schedule(struct replay *r, const char *label, struct blob hash,
			   struct blob expanded)
{
	enum qkdtls_role sender = label[0] == 'c' ? QKDTLS_CLIENT : QKDTLS_SERVER;
	uint8_t secret[HASH_LEN];

	if (!strcmp(label, "c hs traffic"))
		assert_int_equal(qkdtls_schedule_handshake(r->schedule, r->kex_secret.data,
							   r->kex_secret.len, hash.data),
				 0);
	if (!strcmp(label, "c ap traffic"))
		assert_int_equal(qkdtls_schedule_application(r->schedule, hash.data), 0);
	if (!strcmp(label + 1, " hs traffic"))
		assert_int_equal(
			qkdtls_schedule_reveal(r->schedule, QKDTLS_EPOCH_HANDSHAKE, sender, secret),
			0);
	else if (!strcmp(label + 1, " ap traffic"))
		assert_int_equal(qkdtls_schedule_reveal(r->schedule, QKDTLS_EPOCH_APPLICATION,
							sender, secret),
				 0);
	else if (!strcmp(label, "exp master"))
		assert_int_equal(qkdtls_schedule_reveal_exporter(r->schedule, secret), 0);
	else if (!strcmp(label, "res master"))
		return check_transcript(r, hash);
	else
		return;
	check_transcript(r, hash);
	assert_blob(expanded, secret, HASH_LEN);
}

static void derive(struct replay *r, const struct step *step)
{
	struct blob prk = vectors_blob(step->values, "PRK");
	struct blob hash = vectors_blob(step->values, "hash");
	struct blob info = vectors_blob(step->values, "info");
	struct blob expanded = vectors_blob(step->values, "expanded");
	uint8_t secret[HASH_LEN];
	char label[32];

	label_of(step, label);
	assert_int_equal(
		hkdf_expand_label(HASH, prk.data, label, hash.data, hash.len, secret, HASH_LEN), 0);
	assert_blob(expanded, secret, HASH_LEN);
	assert_int_equal(
		hkdf_expand(HASH, prk.data, prk.len, info.data, info.len, secret, HASH_LEN), 0);
	assert_blob(expanded, secret, HASH_LEN);
	r->secrets++;
	check_schedule(r, label, hash, expanded);
}

static void binder(struct replay *r, const struct step *step)
{
	struct blob prefix = vectors_blob(step->values, "ClientHello prefix");
	struct blob hash = vectors_blob(step->values, "binder hash");
	struct blob prk = vectors_blob(step->values, "PRK");
	uint8_t now[HASH_LEN], key[HASH_LEN];

	assert_int_equal(
		qkdtls_transcript_binder(&r->transcript, HASH, prefix.data, prefix.len, now), 0);
	assert_blob(hash, now, HASH_LEN);
	assert_int_equal(hkdf_expand_label(HASH, prk.data, "finished", NULL, 0, key, HASH_LEN), 0);
	assert_blob(vectors_blob(step->values, "expanded"), key, HASH_LEN);
	assert_int_equal(hkdf_hmac(HASH, key, HASH_LEN, now, HASH_LEN, now), 0);
	assert_blob(vectors_blob(step->values, "finished"), now, HASH_LEN);
	r->finished++;
}

static void finished(struct replay *r, const struct step *step)
{
	struct blob prk = vectors_blob(step->values, "PRK");
	struct blob mac = vectors_blob(step->values, "finished");
	uint8_t hash[HASH_LEN], got[HASH_LEN];

	assert_int_equal(hkdf_expand_label(HASH, prk.data, "finished", NULL, 0, got, HASH_LEN), 0);
	assert_blob(vectors_blob(step->values, "expanded"), got, HASH_LEN);
	assert_int_equal(qkdtls_transcript_hash(&r->transcript, hash), 0);
	assert_int_equal(qkdtls_schedule_finished(r->schedule, step->side, hash, got), 0);
	assert_blob(mac, got, HASH_LEN);
	assert_int_equal(
		qkdtls_schedule_check_finished(r->schedule, step->side, hash, mac.data, mac.len),
		0);
	r->finished++;
}

static enum trace_epoch epoch_of(const struct step *step)
{
	size_t i;

	for (i = 0; i < sizeof(epochs) / sizeof(epochs[0]); i++) {
		if (strstr(step->what, epochs[i].name))
			return epochs[i].epoch;
	}
	fail_msg("keys for what? %s", step->what);
	return TRACE_EPOCHS;
}

static void derive_key(struct replay *r, const struct step *step, enum trace_epoch epoch,
		       enum qkdtls_role sender)
{
	const struct qkdtls_suite *suite = qkdtls_suite_find(QKDTLS_AES_128_GCM_SHA256);
	struct qkdtls_traffic_key *key = &r->keys[epoch][sender], scheduled;
	struct blob prk = vectors_blob(step->values, "PRK");

	*key = (struct qkdtls_traffic_key){ .suite = suite->number, .key_len = 16 };
	assert_int_equal(hkdf_expand_label(HASH, prk.data, "key", NULL, 0, key->key, 16), 0);
	assert_int_equal(hkdf_expand_label(HASH, prk.data, "iv", NULL, 0, key->iv, 12), 0);
	assert_blob(vectors_blob(step->values, "key expanded"), key->key, 16);
	assert_blob(vectors_blob(step->values, "iv expanded"), key->iv, 12);
	r->secrets++;
	if (epoch == TRACE_EARLY)
		return;
	assert_int_equal(qkdtls_schedule_traffic_key(r->schedule,
						     epoch == TRACE_HANDSHAKE
							     ? QKDTLS_EPOCH_HANDSHAKE
							     : QKDTLS_EPOCH_APPLICATION,
						     sender, suite, &scheduled),
			 0);
	assert_memory_equal(&scheduled, key, sizeof(*key));
}

static void traffic_keys(struct replay *r, const struct step *step)
{
	bool write = strstr(step->what, "derive write") == step->what;
	enum qkdtls_role sender = write ? step->side : 1 - step->side;
	enum trace_epoch epoch = epoch_of(step);

	if (json_object_object_length(step->values))
		derive_key(r, step, epoch, sender);
	if (!write)
		return;
	assert_int_equal(r->keys[epoch][sender].key_len, 16);
	assert_int_equal(qkdtls_record_writer_key(&r->writers[sender], &r->keys[epoch][sender]), 0);
	assert_int_equal(qkdtls_record_reader_key(&r->readers[sender], &r->keys[epoch][sender]), 0);
}

static uint8_t content_of(const struct step *step)
{
	if (strstr(step->what, "application_data"))
		return QKDTLS_CONTENT_DATA;
	if (strstr(step->what, "alert"))
		return QKDTLS_CONTENT_ALERT;
	if (strstr(step->what, "change_cipher_spec"))
		return QKDTLS_CONTENT_CCS;
	assert_non_null(strstr(step->what, "handshake"));
	return QKDTLS_CONTENT_HANDSHAKE;
}

/* Bytes into the reader, as many as it wants at a time, until it has a record or says why not */
static int read_record(struct qkdtls_record_reader *reader, struct blob bytes,
		       struct qkdtls_record *record)
{
	size_t at = 0, wanted;
	int err = -EAGAIN;

	while (err == -EAGAIN && at < bytes.len) {
		wanted = qkdtls_record_reader_wanted(reader);
		assert_in_range(wanted, 1, bytes.len - at);
		assert_int_equal(qkdtls_record_reader_input(reader, bytes.data + at, wanted), 0);
		at += wanted;
		err = qkdtls_record_reader_next(reader, record);
	}
	assert_int_equal(at, bytes.len);
	return err;
}

static void send_record(struct replay *r, const struct step *step)
{
	struct blob payload = vectors_blob(step->values, "payload");
	struct blob whole = vectors_blob(step->values, "complete record");
	struct qkdtls_record_reader *reader = &r->readers[step->side];
	uint8_t type = content_of(step);
	struct qkdtls_record record;
	struct qkdtls_buf out;

	qkdtls_buf_init(&out, 1 << 16);
	r->writers[step->side].version = whole.data[2] == 1 ? 0x0301 : 0x0303;
	assert_int_equal(
		qkdtls_record_write(&r->writers[step->side], type, payload.data, payload.len, &out),
		0);
	assert_blob(whole, qkdtls_buf_data(&out), out.len);
	qkdtls_buf_free(&out);

	reader->allow_ccs = true;
	if (type == QKDTLS_CONTENT_CCS) {
		assert_int_equal(read_record(reader, whole, &record), -EAGAIN);
	} else {
		assert_int_equal(read_record(reader, whole, &record), 0);
		assert_int_equal(record.type, type);
		assert_blob(payload, record.data, record.len);
	}
	r->records++;
	if (type == QKDTLS_CONTENT_HANDSHAKE && payload.data[0] == 1)
		add_message(r, payload);
}

static const struct {
	const char *start;
	void (*run)(struct replay *r, const struct step *step);
	bool also_without_values;
} handlers[] = {
	{ "construct a", construct, false },
	{ "create an ephemeral", create, false },
	{ "extract secret", extract, false },
	{ "derive secret", derive, false },
	{ "generate resumption secret", derive, false },
	{ "calculate PSK binder", binder, false },
	{ "calculate finished", finished, false },
	{ "derive read traffic keys", traffic_keys, false },
	{ "derive write traffic keys", traffic_keys, true },
	{ "send ", send_record, false },
};

static void run_step(struct replay *r, struct json_object *object)
{
	struct step step = {
		.side = strcmp(vectors_text(object, "side"), "client") ? QKDTLS_SERVER
								       : QKDTLS_CLIENT,
		.what = vectors_text(object, "what"),
		.values = vectors_get(object, "values"),
	};
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (strncmp(step.what, handlers[i].start, strlen(handlers[i].start)))
			continue;
		if (handlers[i].also_without_values || json_object_object_length(step.values))
			handlers[i].run(r, &step);
		return;
	}
	fail_msg("unknown step: %s", step.what);
}

/* The counts say that nothing was passed over. */
static void replay(const char *name, unsigned int secrets, unsigned int finisheds,
		   unsigned int records)
{
	struct json_object *steps = vectors_get(vectors_open(name), "steps");
	struct replay r = { .secrets = 0 };
	size_t i;

	qkdtls_transcript_init(&r.transcript);
	assert_int_equal(qkdtls_schedule_new(&r.schedule, HASH), 0);
	for (i = 0; i < 2; i++) {
		qkdtls_record_writer_init(&r.writers[i]);
		qkdtls_record_reader_init(&r.readers[i]);
	}
	for (i = 0; i < json_object_array_length(steps); i++)
		run_step(&r, vectors_item(steps, i));
	assert_int_equal(r.secrets, secrets);
	assert_int_equal(r.finished, finisheds);
	assert_int_equal(r.records, records);

	for (i = 0; i < 2; i++) {
		qkdtls_record_writer_free(&r.writers[i]);
		qkdtls_record_reader_free(&r.readers[i]);
	}
	qkdtls_schedule_free(r.schedule);
	qkdtls_transcript_free(&r.transcript);
	vectors_close();
}

static void section_3_simple(void **state)
{
	replay("rfc8448-3-simple-1rtt", 17, 2, 9);
}

static void section_4_binder_and_early_data(void **state)
{
	replay("rfc8448-4-resumed-0rtt", 19, 3, 10);
}

static void section_5_hello_retry_request(void **state)
{
	replay("rfc8448-5-hello-retry-request", 16, 2, 8);
}

static void section_6_client_authentication(void **state)
{
	replay("rfc8448-6-client-authentication", 16, 2, 6);
}

static void section_7_compatibility_mode(void **state)
{
	replay("rfc8448-7-compatibility-mode", 16, 2, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section_3_simple),
		cmocka_unit_test(section_4_binder_and_early_data),
		cmocka_unit_test(section_5_hello_retry_request),
		cmocka_unit_test(section_6_client_authentication),
		cmocka_unit_test(section_7_compatibility_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
