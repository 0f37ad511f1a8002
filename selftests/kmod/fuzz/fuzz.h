/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzers of the modules' two entries for user space. An input is a string of bytes that a target reads as a
 * short program of calls. Where the kernel tells which of the modules' code a call has reached (KCOV, the debug
 * kernel), inputs that reached new code are kept and changed further; elsewhere the fuzzers are blind.
 *
 * They look for nothing themselves: what goes wrong is for the kernel to say, and for the verdict on its log.
 */
#ifndef _QKD_KMOD_FUZZ_H
#define _QKD_KMOD_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_MAX 512

/* Bytes yet to be read; beyond the end all are 0. */
struct input {
	const uint8_t *at, *end;
};

static inline uint8_t take_byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

void take_bytes(struct input *in, void *to, size_t len);

/* One of 32-bit numbers that are likely to matter, or any */
uint32_t take_u32(struct input *in);

/* The target: ioctl.c or netlink.c */
extern const char target_name[];

/* A fresh namespace and what belongs there; called now and then. Exits if that is not to be had. */
void target_reset(void);
void target_run(struct input *in);

/* kcov.c: whether there is coverage; begin and end of a run; how many places were new in it */
bool coverage_open(void);
void coverage_begin(void);
unsigned int coverage_end(void);
unsigned int coverage_places(void);

#endif /* _QKD_KMOD_FUZZ_H */
