// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * usage: fuzz_TARGET [-r RUNS] [-t SECONDS] [-s SEED]
 *
 * Ends after RUNS (default 4000), or with -t after that time. The same seed makes the same inputs, as far as the
 * kernel answers the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "fuzz.h"

#define CORPUS_MAX 4096
#define RESET	   250 /* runs between two namespaces */
#define HANG_S	   120 /* no run takes so long on any machine */

struct sample {
	uint8_t bytes[INPUT_MAX];
	size_t len;
};

static struct sample corpus[CORPUS_MAX];
static unsigned int corpus_len;
static unsigned int seed;

static unsigned int roll(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

void take_bytes(struct input *in, void *to, size_t len)
{
	uint8_t *p = to;

	while (len--)
		*p++ = take_byte(in);
}

uint32_t take_u32(struct input *in)
{
	static const uint32_t likely[] = {
		0,	   1,	      2,	  16,	    32,		64,
		96,	   1024,      4095,	  4096,	    4097,	65536,
		600000,	   600001,    604800,	  604801,   1048576,	1048577,
		100000000, 100000001, 0x7fffffff, 1U << 31, 0xfffffffe, 0xffffffff,
	};
	const uint8_t which = take_byte(in);
	uint32_t any;

	if (which < 192)
		return likely[which % (sizeof(likely) / sizeof(likely[0]))];
	take_bytes(in, &any, sizeof(any));
	return any;
}

static void mutate_once(struct sample *s)
{
	const size_t at = s->len ? roll((unsigned int)s->len) : 0;
	size_t n = 1 + roll(8);

	switch (s->len ? roll(6) : 0) {
	case 0: /* more */
		while (n-- && s->len < INPUT_MAX)
			s->bytes[s->len++] = (uint8_t)roll(256);
		break;
	case 1:
		s->bytes[at] ^= (uint8_t)(1 << roll(8));
		break;
	case 2:
		s->bytes[at] = (uint8_t)roll(256);
		break;
	case 3: /* less */
		n = n > s->len - at ? s->len - at : n;
		memmove(s->bytes + at, s->bytes + at + n, s->len - at - n);
		s->len -= n;
		break;
	case 4: /* something again */
		n = n > INPUT_MAX - s->len ? INPUT_MAX - s->len : n;
		memmove(s->bytes + at + n, s->bytes + at, s->len - at);
		s->len += n;
		break;
	default: /* the rest of another one */
		if (corpus_len) {
			const struct sample *other = &corpus[roll(corpus_len)];

			if (other->len > at) {
				memcpy(s->bytes + at, other->bytes + at, other->len - at);
				s->len = other->len;
			}
		}
	}
}

static void next_sample(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	if (corpus_len && roll(8))
		*s = corpus[roll(corpus_len)];
	for (unsigned int n = 1 + roll(corpus_len ? 8 : 32); n; n--)
		mutate_once(s);
}

static void run_once(struct sample *s)
{
	struct input in = { .at = s->bytes, .end = s->bytes + s->len };

	alarm(HANG_S);
	coverage_begin();
	target_run(&in);
	if (coverage_end() && corpus_len < CORPUS_MAX)
		corpus[corpus_len++] = *s;
	alarm(0);
}

int main(int argc, char **argv)
{
	unsigned long runs = 4000, done;
	struct sample sample;
	time_t end = 0;
	int option;
	bool sees;

	seed = (unsigned int)time(NULL);
	while ((option = getopt(argc, argv, "r:t:s:")) != -1) {
		if (option == 'r')
			runs = strtoul(optarg, NULL, 10);
		else if (option == 't')
			end = time(NULL) + atoi(optarg);
		else if (option == 's')
			seed = (unsigned int)atoi(optarg);
		else
			return 2;
	}
	printf("# seed %u\n1..1\n", seed);
	fflush(stdout);
	sees = coverage_open();
	for (done = 0; end ? time(NULL) < end : done < runs; done++) {
		if (done % RESET == 0)
			target_reset();
		next_sample(&sample);
		run_once(&sample);
	}
	printf("%sok 1 %s: %lu runs\n", done && (!sees || coverage_places()) ? "" : "not ",
	       target_name, done);
	printf("# %s, %u places, %u inputs kept\n", sees ? "guided" : "blind", coverage_places(),
	       corpus_len);
	return !done || (sees && !coverage_places());
}
