// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "qkdctl/args.h"

int refuse(char *problem, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(problem, PROBLEM_LEN, format, list);
	va_end(list);
	return -EINVAL;
}

/* Its value, if it has one, is not repeated: it may be the secret itself. */
static bool is_seed(const char *word)
{
	return !strcmp(word, "seed") || !strncmp(word, "seed=", strlen("seed="));
}

static int refuse_word(const char *word, char *problem)
{
	if (is_seed(word))
		return refuse(problem,
			      "a seed on a command line shows in the process list and in the "
			      "shell's history: write it to a file with mode 0600 and say "
			      "'seed-file FILE'");
	return refuse(problem, "unknown word '%s'", word);
}

static struct word *find(struct word *words, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (words[i].name && !strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

static int set_word(struct word *word, const char *text, char *problem)
{
	if (word->text)
		return refuse(problem, "'%s' is given twice", word->name);
	if (word->is_number && number_parse(text, word->min, word->max, &word->number))
		return refuse(problem, "'%s %s': a number from %u to %u is wanted", word->name,
			      text, word->min, word->max);
	if (word->is_switch && strcmp(text, "on") && strcmp(text, "off"))
		return refuse(problem, "'%s %s': on or off is wanted", word->name, text);
	if (word->is_switch)
		word->number = !strcmp(text, "on");
	word->text = text;
	return 0;
}

/* How many of the words from @argv on were understood, or -EINVAL. */
static int take_word(int argc, char **argv, struct word *words, size_t count, char *problem)
{
	struct word *word = find(words, count, argv[0]);

	if (!word)
		return refuse_word(argv[0], problem);
	if (word->stands_alone) {
		word->number = 1;
		return set_word(word, argv[0], problem) ? -EINVAL : 1;
	}
	if (argc == 1)
		return refuse(problem, "nothing follows '%s'", argv[0]);
	return set_word(word, argv[1], problem) ? -EINVAL : 2;
}

int args_words(int argc, char **argv, struct word *words, size_t count, char *problem)
{
	for (int i = 0; i < argc;) {
		int taken = take_word(argc - i, argv + i, words, count, problem);

		if (taken < 0)
			return taken;
		i += taken;
	}
	return 0;
}

int args_none(int argc, char **argv, char *problem)
{
	return argc ? refuse_word(argv[0], problem) : 0;
}

int args_link_name(const char *name, char *problem)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	if (!len || len >= QKD_LINK_NAME_LEN || strspn(name, allowed) != len)
		return refuse(problem,
			      "'%s' is no name for a link: 1 to %d of A-Z a-z 0-9 . _ - are wanted",
			      name, QKD_LINK_NAME_LEN - 1);
	return 0;
}

int args_link(int argc, char **argv, const char **name, char *problem)
{
	if (!argc)
		return refuse(problem, "the name of a link is wanted");
	if (argc > 1)
		return refuse_word(argv[1], problem);
	*name = argv[0];
	return args_link_name(*name, problem);
}

int args_link_resync(int argc, char **argv, const char **name, uint64_t *block, char *problem)
{
	struct word word = { .name = "block" };

	if (!argc)
		return refuse(problem, "the name of a link is wanted");
	*name = argv[0];
	if (args_link_name(*name, problem) || args_words(argc - 1, argv + 1, &word, 1, problem))
		return -EINVAL;
	if (!word.text)
		return refuse(problem, "'block' is missing");
	if (number_parse_u64(word.text, 0, UINT64_MAX, block))
		return refuse(problem, "'block %s': a block's number is wanted", word.text);
	return 0;
}

static int check_sae(const char *word, const char *text, char *problem)
{
	size_t len = strlen(text);

	if (!len || len > QKD_SAE_ID_LEN_MAX)
		return refuse(problem, "'%s': a SAE ID has 1 to %d characters", word,
			      QKD_SAE_ID_LEN_MAX);
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return refuse(problem, "'%s': a SAE ID is printable ASCII", word);
	return 0;
}

static int check_saes(const char *local, const char *remote, char *problem)
{
	if (check_sae("local", local, problem) || check_sae("remote", remote, problem))
		return -EINVAL;
	if (!strcmp(local, remote))
		return refuse(problem, "'local' and 'remote' are the two ends: they must differ");
	return 0;
}

static int parse_role(const char *text, uint8_t *role, char *problem)
{
	if (strcmp(text, "a") && strcmp(text, "b"))
		return refuse(problem,
			      "'role %s': a or b is wanted, the other one at the other end", text);
	*role = *text == 'a' ? QKD_ROLE_A : QKD_ROLE_B;
	return 0;
}

/* The simulator makes its keys from a seed; other providers have no use for one. */
static int check_provider(const char *provider, const struct word *seed_file,
			  const struct word *rate, char *problem)
{
	bool sim = !strcmp(provider, "sim");
	const struct word *alien = seed_file->text ? seed_file : rate;

	if (sim && !seed_file->text)
		return refuse(problem,
			      "provider sim needs 'seed-file FILE', the same seed at both ends");
	if (!sim && alien->text)
		return refuse(problem, "'%s' is for provider sim only", alien->name);
	return 0;
}

static const uint32_t *optional(const struct word *word, uint32_t *value)
{
	*value = word->number;
	return word->text ? value : NULL;
}

/* What link add and link set share, and where their requests point to it. A number above 0, or on or off */
static const struct setting {
	const char *name;
	uint32_t min, max;
	size_t request, change;
} link_settings[LINK_SETTINGS] = {
	{ "ttl", 0, QKD_TTL_MAX, offsetof(struct qkd_link_request, ttl_s),
	  offsetof(struct qkd_link_change, ttl_s) },
	{ "low", 0, QKD_CAPACITY_MAX, offsetof(struct qkd_link_request, low),
	  offsetof(struct qkd_link_change, low) },
	{ "qber-max", 1, QKD_PPM, offsetof(struct qkd_link_request, qber_max),
	  offsetof(struct qkd_link_change, qber_max) },
	{ "lease", 1, QKD_LEASE_MAX, offsetof(struct qkd_link_request, lease_s),
	  offsetof(struct qkd_link_change, lease_s) },
	{ "degrade-after", 0, UINT32_MAX, offsetof(struct qkd_link_request, degrade_after),
	  offsetof(struct qkd_link_change, degrade_after) },
	{ "quota-rate", 0, QKD_QUOTA_RATE_MAX, offsetof(struct qkd_link_request, quota_rate),
	  offsetof(struct qkd_link_change, quota_rate) },
	{ "quota-burst", 0, QKD_QUOTA_BURST_MAX, offsetof(struct qkd_link_request, quota_burst),
	  offsetof(struct qkd_link_change, quota_burst) },
	{ "reserve", 0, QKD_CAPACITY_MAX, offsetof(struct qkd_link_request, reserve),
	  offsetof(struct qkd_link_change, reserve) },
	{ "priority-gid", 0, UINT32_MAX, offsetof(struct qkd_link_request, priority_gid),
	  offsetof(struct qkd_link_change, priority_gid) },
	{ "raw", 0, 0, offsetof(struct qkd_link_request, raw),
	  offsetof(struct qkd_link_change, raw) },
};

static void setting_words(struct word *words)
{
	for (size_t i = 0; i < LINK_SETTINGS; i++)
		words[i] = (struct word){ .name = link_settings[i].name,
					  .is_number = link_settings[i].max,
					  .is_switch = !link_settings[i].max,
					  .min = link_settings[i].min,
					  .max = link_settings[i].max };
}

static void point(void *base, size_t at, const uint32_t *value)
{
	*(const uint32_t **)((char *)base + at) = value;
}

int args_link_add(int argc, char **argv, struct link_add_args *args, char *problem)
{
	enum { PROVIDER, LOCAL, REMOTE, ROLE, SEED_FILE, RATE, CAPACITY, SETTINGS };
	enum { WORDS = SETTINGS + LINK_SETTINGS };
	struct word words[WORDS] = {
		[PROVIDER] = { .name = "provider" },
		[LOCAL] = { .name = "local" },
		[REMOTE] = { .name = "remote" },
		[ROLE] = { .name = "role" },
		[SEED_FILE] = { .name = "seed-file" },
		[RATE] = { "rate", NULL, true, QKD_SIM_RATE_MIN, QKD_SIM_RATE_MAX, 0 },
		[CAPACITY] = { "capacity", NULL, true, 1, QKD_CAPACITY_MAX, 0 },
	};
	struct qkd_link_request *request = &args->request;

	setting_words(words + SETTINGS);
	memset(args, 0, sizeof(*args));
	request->sim_seed_fd = -1;
	if (!argc)
		return refuse(problem, "the name of a link is wanted");
	if (args_link_name(argv[0], problem) ||
	    args_words(argc - 1, argv + 1, words, WORDS, problem))
		return -EINVAL;
	for (int i = PROVIDER; i <= REMOTE; i++)
		if (!words[i].text)
			return refuse(problem, "'%s' is missing", words[i].name);
	/* A feed says of each key in which direction it is. */
	if (!words[ROLE].text && strcmp(words[PROVIDER].text, "feed"))
		return refuse(problem, "'%s' is missing", words[ROLE].name);
	if ((words[ROLE].text && parse_role(words[ROLE].text, &request->role, problem)) ||
	    check_saes(words[LOCAL].text, words[REMOTE].text, problem) ||
	    check_provider(words[PROVIDER].text, &words[SEED_FILE], &words[RATE], problem))
		return -EINVAL;

	request->name = argv[0];
	request->provider = words[PROVIDER].text;
	request->local_sae = words[LOCAL].text;
	request->remote_sae = words[REMOTE].text;
	request->capacity = optional(&words[CAPACITY], &args->capacity);
	for (int i = 0; i < LINK_SETTINGS; i++)
		point(request, link_settings[i].request,
		      optional(&words[SETTINGS + i], &args->settings[i]));
	request->sim_rate = optional(&words[RATE], &args->rate);
	args->seed_file = words[SEED_FILE].text;
	return 0;
}

/* LINK and at least one word and what follows it */
static int change_words(int argc, char **argv, struct link_set_args *args, struct word *words,
			size_t count, char *problem)
{
	memset(args, 0, sizeof(*args));
	if (!argc)
		return refuse(problem, "the name of a link is wanted");
	args->change.name = argv[0];
	if (args_link_name(argv[0], problem) ||
	    args_words(argc - 1, argv + 1, words, count, problem))
		return -EINVAL;
	return argc > 1 ? 0 : refuse(problem, "what is to change?");
}

int args_link_set(int argc, char **argv, struct link_set_args *args, char *problem)
{
	struct word words[LINK_SETTINGS];

	setting_words(words);
	if (change_words(argc, argv, args, words, LINK_SETTINGS, problem))
		return -EINVAL;
	for (int i = 0; i < LINK_SETTINGS; i++)
		point(&args->change, link_settings[i].change,
		      optional(&words[i], &args->settings[i]));
	return 0;
}

#define NUMBER(NAME, MIN, MAX)                                                \
	{                                                                     \
		.name = (NAME), .is_number = true, .min = (MIN), .max = (MAX) \
	}
#define SWITCH(NAME)                              \
	{                                         \
		.name = (NAME), .is_switch = true \
	}

int args_sim_set(int argc, char **argv, struct link_set_args *args, char *problem)
{
	/* By attribute, so the first has no word, and others may have none. */
	struct word words[QKD_A_SIM_MAX + 1] = {
		[QKD_A_SIM_RATE] = NUMBER("rate", QKD_SIM_RATE_MIN, QKD_SIM_RATE_MAX),
		[QKD_A_SIM_QBER] = NUMBER("qber", 0, QKD_SIM_QBER_MAX),
		[QKD_A_SIM_OUTAGE] = SWITCH("outage"),
		[QKD_A_SIM_EAVESDROPPER] = SWITCH("eavesdropper"),
		[QKD_A_SIM_JITTER] = NUMBER("jitter", 0, QKD_SIM_DELAY_MAX),
		[QKD_A_SIM_FETCH_DELAY] = NUMBER("fetch-delay", 0, QKD_SIM_DELAY_MAX),
		[QKD_A_SIM_LOSS] = NUMBER("loss", 0, QKD_PPM),
		[QKD_A_SIM_DUPLICATE] = NUMBER("duplicate", 0, QKD_PPM),
		[QKD_A_SIM_REORDER] = NUMBER("reorder", 0, QKD_PPM),
		[QKD_A_SIM_FLIP] = NUMBER("flip", 0, QKD_PPM),
		[QKD_A_SIM_UNPLUG] = { .name = "unplug", .stands_alone = true },
	};

	if (change_words(argc, argv, args, words, QKD_A_SIM_MAX + 1, problem))
		return -EINVAL;
	for (int i = 0; i <= QKD_A_SIM_MAX; i++)
		if (words[i].text)
			qkd_sim_give(&args->change.sim, i, words[i].number);
	return 0;
}

int args_key_get(int argc, char **argv, struct key_get_args *args, char *problem)
{
	struct word id = { .name = "id" };

	memset(args, 0, sizeof(*args));
	if (!argc)
		return refuse(problem, "the name of a link is wanted");
	args->link = argv[0];
	if (args_link_name(args->link, problem) || args_words(argc - 1, argv + 1, &id, 1, problem))
		return -EINVAL;
	args->by_id = id.text;
	if (args->by_id && qkd_id_parse(id.text, args->id))
		return refuse(problem,
			      "'id %s': a key's ID is wanted, as "
			      "01234567-89ab-cdef-0123-456789abcdef",
			      id.text);
	return 0;
}
