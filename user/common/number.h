/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKD_COMMON_NUMBER_H
#define _QKD_COMMON_NUMBER_H

#include <stdint.h>

/*
 * @text is a decimal number, digits and nothing else: no sign, space, unit or base prefix. -EINVAL:
 * it is not; -ERANGE: below @min or above @max. @value is set on success only.
 */
int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);
int number_parse(const char *text, uint32_t min, uint32_t max, uint32_t *value);

/*
 * @text is a decimal number without a sign, with or without a fraction and a power of ten: 50, 0.21,
 * 1.7e-6. -EINVAL, -ERANGE as above.
 */
int number_parse_real(const char *text, double min, double max, double *value);

#endif /* _QKD_COMMON_NUMBER_H */
