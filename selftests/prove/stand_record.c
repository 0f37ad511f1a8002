// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for record.c: records of any type and up to 8 bytes, as many as the harness says, if it says. */
#include <errno.h>
#include "prove.h"

extern int records_left;

int qkdtls_record_reader_next(struct qkdtls_record_reader *reader, struct qkdtls_record *record)
{
	const struct qkdtls_cursor content = any_input(8);
	const int ret = nondet_int();

	if (ret)
		return ret;
	if (!records_left)
		return -EAGAIN;
	records_left--;
	*record = (struct qkdtls_record){
		.type = nondet_u8(),
		.data = content.pos,
		.len = qkdtls_cursor_left(&content),
	};
	return 0;
}

int qkdtls_record_write(struct qkdtls_record_writer *writer, uint8_t type, const void *data,
			size_t len, struct qkdtls_buf *out)
{
	check(__CPROVER_r_ok(data, len), "what is written is there");
	return nondet_bool() ? 0 : -ENOBUFS;
}
