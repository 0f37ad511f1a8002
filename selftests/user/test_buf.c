// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tls/buf.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- Cursor ---- */

static bool read_width(struct qkdtls_cursor *c, unsigned int width, uint32_t *value)
{
	uint8_t u8 = 0xee;
	uint16_t u16 = 0xeeee;
	bool ok;

	switch (width) {
	case 1:
		ok = qkdtls_get_u8(c, &u8);
		*value = u8;
		return ok;
	case 2:
		ok = qkdtls_get_u16(c, &u16);
		*value = u16;
		return ok;
	case 3:
		*value = 0xeeeeee;
		return qkdtls_get_u24(c, value);
	default:
		*value = 0xeeeeeeee;
		return qkdtls_get_u32(c, value);
	}
}

static void numbers_are_big_endian_and_never_half_read(void **state)
{
	static const uint8_t bytes[] = { 0x01, 0x82, 0x03, 0x84, 0x05 };
	static const uint32_t want[] = { 0, 0x01, 0x0182, 0x018203, 0x01820384 };
	struct qkdtls_cursor c;
	unsigned int width;
	uint32_t value;
	size_t len;

	for (width = 1; width <= 4; width++) {
		for (len = 0; len <= sizeof(bytes); len++) {
			c = qkdtls_cursor(bytes, len);
			assert_int_equal(read_width(&c, width, &value), len >= width);
			assert_ptr_equal(c.pos, bytes + (len >= width ? width : 0));
			assert_ptr_equal(c.end, bytes + len);
			assert_int_equal(value, len >= width ? want[width]
							     : 0xeeeeeeeeu >> (32 - 8 * width));
		}
	}
}

static void bytes_and_parts_stay_inside(void **state)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct qkdtls_cursor c = qkdtls_cursor(bytes, 8), sub = { NULL, NULL };
	const uint8_t *p = NULL;
	uint8_t copy[8] = { 0 };

	assert_false(qkdtls_get_bytes(&c, 9, &p));
	assert_false(qkdtls_get_bytes(&c, SIZE_MAX, &p));
	assert_false(qkdtls_get_copy(&c, 9, copy));
	assert_false(qkdtls_get_sub(&c, SIZE_MAX, &sub));
	assert_ptr_equal(c.pos, bytes);
	assert_null(p);
	assert_null(sub.pos);

	assert_true(qkdtls_get_bytes(&c, 2, &p));
	assert_ptr_equal(p, bytes);
	assert_true(qkdtls_get_copy(&c, 2, copy));
	assert_memory_equal(copy, bytes + 2, 2);
	assert_true(qkdtls_get_sub(&c, 3, &sub));
	assert_int_equal(qkdtls_cursor_left(&sub), 3);
	assert_int_equal(qkdtls_cursor_left(&c), 1);
	assert_false(qkdtls_get_bytes(&sub, 4, &p));
	assert_false(qkdtls_cursor_empty(&c));
	assert_true(qkdtls_get_bytes(&c, 1, &p));
	assert_true(qkdtls_cursor_empty(&c));
	assert_true(qkdtls_get_bytes(&c, 0, &p));
	assert_true(qkdtls_get_copy(&c, 0, NULL));

	c = qkdtls_cursor(NULL, 0);
	assert_true(qkdtls_cursor_empty(&c));
	assert_false(qkdtls_get_bytes(&c, 1, &p));
}

static bool read_vec(struct qkdtls_cursor *c, unsigned int width, size_t min, size_t max,
		     struct qkdtls_cursor *vec)
{
	if (width == 1)
		return qkdtls_get_vec8(c, min, max, vec);
	if (width == 2)
		return qkdtls_get_vec16(c, min, max, vec);
	return qkdtls_get_vec24(c, min, max, vec);
}

static void vectors_keep_their_limits(void **state)
{
	static const struct {
		size_t len, min, max;
		bool ok;
	} rows[] = {
		{ 0, 0, 0, true },  { 0, 0, 9, true },	{ 0, 1, 9, false },  { 3, 3, 3, true },
		{ 3, 4, 9, false }, { 3, 0, 2, false }, { 3, 0, 255, true }, { 5, 1, 5, true },
		{ 5, 1, 4, false }, { 5, 6, 5, false }, { 1, 1, 1, true },
	};
	unsigned int width;
	size_t i, cut;

	for (width = 1; width <= 3; width++) {
		for (i = 0; i < ARRAY_SIZE(rows); i++) {
			size_t whole = width + rows[i].len;
			/* Exactly as large as what may be read, for the sanitizer */
			uint8_t *bytes = calloc(1, whole);

			bytes[width - 1] = (uint8_t)rows[i].len;
			for (cut = 0; cut <= whole; cut++) {
				struct qkdtls_cursor vec = { NULL, NULL };
				struct qkdtls_cursor c = qkdtls_cursor(bytes, cut);
				bool ok = rows[i].ok && cut == whole;

				assert_int_equal(
					read_vec(&c, width, rows[i].min, rows[i].max, &vec), ok);
				assert_ptr_equal(c.pos, bytes + (ok ? whole : 0));
				assert_ptr_equal(vec.pos, ok ? bytes + width : NULL);
				if (ok)
					assert_int_equal(qkdtls_cursor_left(&vec), rows[i].len);
			}
			free(bytes);
		}
	}
}

static void a_lying_length_is_refused(void **state)
{
	static const uint8_t bytes[] = { 0xff, 0xff, 0xff, 0xff };
	struct qkdtls_cursor c = qkdtls_cursor(bytes, sizeof(bytes)), vec;

	assert_false(qkdtls_get_vec8(&c, 0, 255, &vec));
	assert_false(qkdtls_get_vec16(&c, 0, 0xffff, &vec));
	assert_false(qkdtls_get_vec24(&c, 0, 0xffffff, &vec));
	assert_int_equal(qkdtls_cursor_left(&c), sizeof(bytes));
}

/* ---- Writer ---- */

static void write_sample(struct qkdtls_writer *w)
{
	struct qkdtls_mark outer, inner;

	qkdtls_put_u8(w, 0x01);
	qkdtls_put_u16(w, 0x0203);
	outer = qkdtls_put_open(w, 2);
	qkdtls_put_u24(w, 0x040506);
	inner = qkdtls_put_open(w, 1);
	qkdtls_put_bytes(w, "ab", 2);
	qkdtls_put_close(w, inner);
	inner = qkdtls_put_open(w, 3);
	qkdtls_put_close(w, inner);
	qkdtls_put_close(w, outer);
	qkdtls_put_u32(w, 0x0708090a);
	qkdtls_put_bytes(w, NULL, 0);
}

static void writer_writes_and_fails_at_every_size_below(void **state)
{
	static const uint8_t want[] = { 1, 2, 3, 0, 9, 4, 5, 6, 2, 'a', 'b', 0, 0, 0, 7, 8, 9, 10 };
	struct qkdtls_writer w;
	uint8_t *memory;
	size_t size;

	for (size = 0; size <= sizeof(want) + 1; size++) {
		memory = malloc(size + 1);
		memory[size] = 0x5a;
		qkdtls_writer_init(&w, memory, size);
		write_sample(&w);
		assert_int_equal(qkdtls_writer_ok(&w), size >= sizeof(want));
		assert_int_equal(memory[size], 0x5a);
		if (qkdtls_writer_ok(&w)) {
			assert_int_equal(w.len, sizeof(want));
			assert_memory_equal(memory, want, sizeof(want));
		}
		free(memory);
	}
}

static void writer_failure_is_for_good(void **state)
{
	struct qkdtls_writer w;
	uint8_t memory[4];

	qkdtls_writer_init(&w, memory, sizeof(memory));
	qkdtls_put_bytes(&w, "12345", 5);
	assert_false(qkdtls_writer_ok(&w));
	qkdtls_put_u8(&w, 1);
	assert_false(qkdtls_writer_ok(&w));
	assert_null(qkdtls_put_room(&w, 0));
	assert_int_equal(w.len, 0);

	qkdtls_writer_init(&w, memory, sizeof(memory));
	qkdtls_put_u24(&w, 0x1000000);
	assert_false(qkdtls_writer_ok(&w));
	qkdtls_writer_init(&w, memory, sizeof(memory));
	assert_null(qkdtls_put_room(&w, SIZE_MAX));
	assert_false(qkdtls_writer_ok(&w));
}

static void writer_refuses_a_vector_too_long_for_its_width(void **state)
{
	static const struct {
		unsigned int width;
		size_t max;
	} rows[] = { { 1, 0xff }, { 2, 0xffff }, { 3, 0xffffff } };
	struct qkdtls_writer w;
	struct qkdtls_mark mark;
	uint8_t *memory = malloc(0x1000010);
	size_t i, over;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (over = 0; over <= 1; over++) {
			qkdtls_writer_init(&w, memory, 0x1000010);
			mark = qkdtls_put_open(&w, rows[i].width);
			assert_non_null(qkdtls_put_room(&w, rows[i].max + over));
			qkdtls_put_close(&w, mark);
			assert_int_equal(qkdtls_writer_ok(&w), !over);
		}
	}
	free(memory);
}

/* ---- Buffer ---- */

static void buffer_keeps_its_limit(void **state)
{
	struct qkdtls_buf buf;
	uint8_t bytes[100] = { 7 };

	qkdtls_buf_init(&buf, 100);
	assert_null(qkdtls_buf_data(&buf));
	assert_int_equal(qkdtls_buf_add(&buf, bytes, 60), 0);
	assert_int_equal(qkdtls_buf_add(&buf, bytes, 41), -ENOBUFS);
	assert_int_equal(qkdtls_buf_add(&buf, bytes, SIZE_MAX), -ENOBUFS);
	assert_null(qkdtls_buf_room(&buf, 41));
	assert_int_equal(buf.len, 60);
	assert_int_equal(qkdtls_buf_add(&buf, bytes, 40), 0);
	assert_int_equal(qkdtls_buf_add(&buf, bytes, 1), -ENOBUFS);
	assert_int_equal(qkdtls_buf_add(&buf, NULL, 0), 0);
	qkdtls_buf_drop(&buf, 1);
	assert_int_equal(qkdtls_buf_add(&buf, bytes, 1), 0);
	qkdtls_buf_free(&buf);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf.limit, 100);
	assert_null(qkdtls_buf_data(&buf));
}

static void buffer_wipes_what_leaves(void **state)
{
	static const uint8_t zeros[64];
	struct qkdtls_buf buf;
	uint8_t secret[64];

	memset(secret, 0xa5, sizeof(secret));
	qkdtls_buf_init(&buf, 4096);
	assert_int_equal(qkdtls_buf_add(&buf, secret, sizeof(secret)), 0);
	qkdtls_buf_drop(&buf, 32);
	assert_memory_equal(buf.data, zeros, 32);
	assert_memory_equal(qkdtls_buf_data(&buf), secret, 32);
	qkdtls_buf_drop(&buf, 1000);
	assert_int_equal(buf.len, 0);
	assert_memory_equal(buf.data, zeros, 64);
	qkdtls_buf_free(&buf);
}

static void buffer_wipes_what_it_moves_away_from(void **state)
{
	struct qkdtls_buf buf;
	uint8_t secret[64];
	size_t size;

	memset(secret, 0xa5, sizeof(secret));
	qkdtls_buf_init(&buf, 4096);
	assert_int_equal(qkdtls_buf_add(&buf, secret, sizeof(secret)), 0);
	size = buf.size;
	while (buf.size - buf.start - buf.len >= sizeof(secret)) {
		assert_int_equal(qkdtls_buf_add(&buf, secret, sizeof(secret)), 0);
		qkdtls_buf_drop(&buf, sizeof(secret));
	}
	assert_int_equal(qkdtls_buf_add(&buf, "next", 4), 0);
	assert_non_null(qkdtls_buf_room(&buf, sizeof(secret)));
	/* It fitted by moving to the front of the same memory. */
	assert_int_equal(buf.size, size);
	assert_int_equal(buf.start, 0);
	assert_null(memmem(buf.data + buf.len, buf.size - buf.len, secret, 1));
	qkdtls_buf_free(&buf);
}

/* Random additions and removals against a plain array of all that ever went in */
static void buffer_is_a_queue(void **state)
{
	enum { TOTAL = 200000, LIMIT = 3000 };
	uint8_t *model = malloc(TOTAL + LIMIT);
	size_t in = 0, out = 0, n;
	struct qkdtls_buf buf;
	uint8_t *room;

	srand(1);
	for (n = 0; n < TOTAL + LIMIT; n++)
		model[n] = (uint8_t)rand();
	qkdtls_buf_init(&buf, LIMIT);
	while (in < TOTAL) {
		n = (size_t)rand() % 700;
		if (rand() % 2) {
			bool fits = n <= LIMIT - (in - out);

			assert_int_equal(qkdtls_buf_add(&buf, model + in, n), fits ? 0 : -ENOBUFS);
			in += fits ? n : 0;
		} else if (rand() % 2 && n <= LIMIT - (in - out)) {
			room = qkdtls_buf_room(&buf, n);
			assert_non_null(room);
			memcpy(room, model + in, n);
			qkdtls_buf_added(&buf, n);
			in += n;
		} else {
			qkdtls_buf_drop(&buf, n);
			out += n < in - out ? n : in - out;
		}
		assert_int_equal(buf.len, in - out);
		if (buf.len)
			assert_memory_equal(qkdtls_buf_data(&buf), model + out, buf.len);
		assert_true(buf.size <= 2 * LIMIT);
	}
	qkdtls_buf_free(&buf);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian_and_never_half_read),
		cmocka_unit_test(bytes_and_parts_stay_inside),
		cmocka_unit_test(vectors_keep_their_limits),
		cmocka_unit_test(a_lying_length_is_refused),
		cmocka_unit_test(writer_writes_and_fails_at_every_size_below),
		cmocka_unit_test(writer_failure_is_for_good),
		cmocka_unit_test(writer_refuses_a_vector_too_long_for_its_width),
		cmocka_unit_test(buffer_keeps_its_limit),
		cmocka_unit_test(buffer_wipes_what_leaves),
		cmocka_unit_test(buffer_wipes_what_it_moves_away_from),
		cmocka_unit_test(buffer_is_a_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
