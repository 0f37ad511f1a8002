/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKD_COMMON_HEX_H
#define _QKD_COMMON_HEX_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the @text_len hexadecimal digits at @text, either case, two for each byte. Returns the
 * number of bytes, or -EINVAL: a character that is no digit, or an odd number; -EMSGSIZE: more than
 * @max bytes. On failure @out is wiped.
 */
int hex_decode(const char *text, size_t text_len, uint8_t *out, size_t max);

/* @text holds 2 * @len + 1 characters. */
void hex_encode(const uint8_t *bytes, size_t len, char *text);

#endif /* _QKD_COMMON_HEX_H */
