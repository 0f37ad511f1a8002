/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Key text kept out of the JSON parser. json-c copies what it reads into buffers of its own, grows them by realloc() and
 * frees them unwiped; none of that can be reached from outside. So it never gets to see a key: it parses a veiled copy
 * of the answer, in which the value of each member "key" has been replaced by a marker of the same length that says where
 * in the answer it stands.
 */
#ifndef QKDKMED_VEIL_H
#define QKDKMED_VEIL_H

#include <stddef.h>

/*
 * Writes @len characters to @veiled: those of @text with the values of members named "key" veiled. All that is known
 * of @text is that it may be JSON. A name spelled with escapes ("k\u0065y") is not recognised; veil_lift() then finds no
 * marker and the answer is refused: its sender did not want to be understood.
 */
void veil_make(const char *text, size_t len, char *veiled);

/*
 * @value is the string, @value_len characters long, that the parser found in @veiled. Returns where in @text the characters
 * between the quotes stand, as many as the marker has, or NULL: @value is no marker, as it is for fewer
 * than VEIL_MIN characters, too few for any key.
 */
const char *veil_lift(const char *text, size_t len, const char *veiled, const char *value,
		      size_t value_len);

#define VEIL_MIN 12

#endif /* QKDKMED_VEIL_H */
