/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a command. Functions return 0, or -EINVAL with what is wrong in @problem. */
#ifndef _QKDCTL_ARGS_H
#define _QKDCTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/libqkd.h>

#include "qkdctl/physics.h"

#define PROBLEM_LEN 320

/* Puts what is wrong into @problem. -EINVAL */
int refuse(char *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * struct word - a word that another one follows, as "rate 65536"
 * @name: the word
 * @text: out: what followed, NULL if the word was not there
 * @is_number: @text must be a number of @min..@max, which goes to @number
 * @is_switch: @text must be on or off, which are 1 and 0 in @number
 * @stands_alone: nothing follows; @text is the word itself, and @number 1
 */
struct word {
	const char *name;
	const char *text;
	bool is_number;
	uint32_t min, max;
	uint32_t number;
	bool is_switch, stands_alone;
};

int args_words(int argc, char **argv, struct word *words, size_t count, char *problem);

/* The one word is a link's name; nothing follows. */
int args_link(int argc, char **argv, const char **name, char *problem);
int args_link_name(const char *name, char *problem);
/* LINK block N */
int args_link_resync(int argc, char **argv, const char **name, uint64_t *block, char *problem);
int args_none(int argc, char **argv, char *problem);

#define LINK_SETTINGS 10 /* those that link add and link set share */

/**
 * struct link_add_args - link add, understood
 * @request: for libqkd, but for the seed's file descriptor
 * @seed_file: NULL if none
 * @capacity, @rate, @settings: where @request points to them
 */
struct link_add_args {
	struct qkd_link_request request;
	const char *seed_file;
	uint32_t capacity, rate;
	uint32_t settings[LINK_SETTINGS];
};

int args_link_add(int argc, char **argv, struct link_add_args *args, char *problem);

/**
 * struct link_set_args - link set and sim set, understood
 * @change: for libqkd
 * @settings: where @change points to them
 */
struct link_set_args {
	struct qkd_link_change change;
	uint32_t settings[LINK_SETTINGS];
};

int args_link_set(int argc, char **argv, struct link_set_args *args, char *problem);
int args_sim_set(int argc, char **argv, struct link_set_args *args, char *problem);

/**
 * struct sim_physics_args - sim physics, understood
 * @setup: fibre and equipment
 * @link: where it is to be applied, NULL for nowhere
 */
struct sim_physics_args {
	struct physics_setup setup;
	const char *link;
};

/* args_physics.c */
int args_sim_physics(int argc, char **argv, struct sim_physics_args *args, char *problem);

/**
 * struct key_get_args - key get, understood
 * @link: the link's name
 * @by_id: an inbound key is wanted
 * @id: this one
 */
struct key_get_args {
	const char *link;
	bool by_id;
	uint8_t id[QKD_KEY_ID_LEN];
};

int args_key_get(int argc, char **argv, struct key_get_args *args, char *problem);

#endif /* _QKDCTL_ARGS_H */
