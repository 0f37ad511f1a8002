/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QKDKMED_BASE64_H
#define QKDKMED_BASE64_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes a JSON string's @len characters at @text, as they stand between its quotes, that hold base64 (RFC 4648
 * section 4, with its padding, no line breaks, unused bits zero). Some JSON writers escape its '/' and '+', as "\/" and
 * "\u002B": both are understood. Returns the number of bytes, or -EINVAL: not base64; -EMSGSIZE: more than @max
 * bytes. No table is looked up by what the text says. On failure @out is wiped.
 */
int base64_decode(const char *text, size_t len, uint8_t *out, size_t max);

#endif /* QKDKMED_BASE64_H */
