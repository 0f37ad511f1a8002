// SPDX-License-Identifier: GPL-2.0-or-later
/* qkdctl: the operator's command. The table of commands, options and help; nothing else. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/version.h"
#include "qkdctl/qkdctl.h"

static const struct command {
	const char *object, *verb;
	int (*run)(const struct options *options, int argc, char **argv);
	const char *arguments;
	const char *help;
	const char *details;
} commands[] = {
	{ "provider", "list", cmd_provider_list, "", "list the providers of keys",
	  "One line each: its name, how many links of this network namespace it has, and whether\n"
	  "its keys are simulated.\n" },
	{ "link", "add", cmd_link_add,
	  "NAME provider PROVIDER local SAE remote SAE [role a|b]\n"
	  "        [seed-file FILE] [rate BPS] [capacity N] [ttl S] [low N] [qber-max PPM] [lease S]\n"
	  "        [degrade-after N] [quota-rate N] [quota-burst N]\n"
	  "        [reserve N] [priority-gid GID] [raw on|off]",
	  "add a link",
	  "NAME       1 to 31 of A-Z a-z 0-9 . _ -\n"
	  "provider   sim, feed (a process brings the keys), or another of 'qkdctl provider list'\n"
	  "local      SAE ID of this end\n"
	  "remote     SAE ID of the other end\n"
	  "role       a at one end, b at the other; not needed for feed\n"
	  "seed-file  for sim: 32 to 64 secret bytes, the same at both ends, mode 0600\n"
	  "rate       for sim: secret key rate in bits per second, both directions together\n"
	  "capacity   most keys kept per direction\n"
	  "ttl        seconds a key may wait, 0 for ever\n"
	  "low        report when fewer outbound keys are left, 0 never\n"
	  "qber-max   report when the QBER is above, in parts per million\n"
	  "lease      seconds a program may hold a reserved key\n"
	  "degrade-after\n"
	  "           wrong binders in a row that make it degraded, 0 never\n"
	  "quota-rate outbound keys a second for each user, 0 for no quota\n"
	  "quota-burst\n"
	  "           how many of them at a time, 0 for those of a second\n"
	  "reserve    the last outbound keys, for who has priority: CAP_NET_ADMIN or the group\n"
	  "priority-gid\n"
	  "           this group's number, 4294967295 for none\n"
	  "raw        off: programs get no key in the clear, only sealed sessions have any\n" },
	{ "link", "list", cmd_link_list, "", "list the links of this network namespace",
	  "Name, provider, state, both SAE IDs, role, settings and levels of each.\n" },
	{ "link", "show", cmd_link_show, "LINK", "show one link",
	  "The same as 'link list' for one link.\n" },
	{ "link", "set", cmd_link_set,
	  "LINK [ttl S] [low N] [qber-max PPM] [lease S]\n"
	  "        [degrade-after N] [quota-rate N] [quota-burst N]\n"
	  "        [reserve N] [priority-gid GID] [raw on|off]",
	  "change a link's settings",
	  "What is not named stays.\n"
	  "ttl        seconds a key may wait, those that wait already too; 0 for ever\n"
	  "low        report when fewer outbound keys are left, 0 never\n"
	  "qber-max   report when the QBER is above, in parts per million\n"
	  "lease      seconds a program may hold a reserved key, those held already too\n"
	  "degrade-after\n"
	  "           wrong binders in a row that make it degraded, 0 never\n"
	  "quota-rate outbound keys a second for each user, 0 for no quota\n"
	  "quota-burst\n"
	  "           how many of them at a time, 0 for those of a second\n"
	  "reserve    the last outbound keys, for who has priority: CAP_NET_ADMIN or the group\n"
	  "priority-gid\n"
	  "           this group's number, 4294967295 for none\n"
	  "raw        off: programs get no key in the clear, only sealed sessions have any\n" },
	{ "link", "delete", cmd_link_delete, "LINK", "delete a link and wipe its keys",
	  "Programs that use it get an error at once.\n" },
	{ "link", "resync", cmd_link_resync, "LINK block N",
	  "bring a link's two ends in step again",
	  "Both ends go on at block N, which neither has made yet: 'link show' tells from which on.\n"
	  "Keys of blocks before are wiped. Do it at both ends, with the same N.\n" },
	{ "link", "purge", cmd_link_purge, "LINK", "wipe the keys a link holds now",
	  "Reserved keys too. The provider goes on delivering new ones.\n" },
	{ "sim", "set", cmd_sim_set,
	  "LINK [rate BPS] [qber PPM] [outage on|off] [eavesdropper on|off] [jitter MS]\n"
	  "        [fetch-delay MS] [loss PPM] [duplicate PPM] [reorder PPM] [flip PPM] [unplug]",

	  "change what a simulated link does",
	  "What is not named stays.\n"
	  "rate          secret key rate in bits per second, both directions together\n"
	  "qber          quantum bit error rate, in parts per million; above 110000 no keys come\n"
	  "outage        on: nothing arrives\n"
	  "eavesdropper  on: a quarter more is wrong, so no keys come\n"
	  "jitter        most that a block comes late, in milliseconds, in order\n"
	  "fetch-delay   how late a key comes that was looked up ahead of its turn\n"
	  "loss          part of the blocks that never come, in parts per million; here only, as below\n"
	  "duplicate     part of the blocks that come twice\n"
	  "reorder       part of the pairs of blocks that come the wrong way round\n"
	  "flip          part of the blocks with one bit of the key wrong\n"
	  "unplug        all links of the simulator end, as if a device were pulled\n" },
	{ "sim", "physics", cmd_sim_physics,
	  "--length KM --attenuation DB_PER_KM --detector-efficiency E --dark-count P\n"
	  "        --pulse-rate HZ [--mean-photon-number MU|optimal] [--misalignment E_D]\n"
	  "        [--error-correction F] [--sifting Q] [LINK]",
	  "work out what fibre and equipment yield",
	  "Gain, QBER and secret key rate of decoy-state BB84 in the asymptotic case (Ma et al., 2005).\n"
	  "With LINK that simulated link gets rate and QBER, or an outage if no secret key comes out.\n"
	  "--length               of the fibre\n"
	  "--attenuation          of the fibre\n"
	  "--detector-efficiency  of the whole receiver, to 1\n"
	  "--dark-count           probability that an empty pulse is detected\n"
	  "--pulse-rate           signal pulses per second\n"
	  "--mean-photon-number   of a signal pulse; else the one that yields most\n"
	  "--misalignment         probability that a photon hits the wrong detector; 0.033\n"
	  "--error-correction     multiple of Shannon's limit that it gives away; 1.22\n"
	  "--sifting              part of the detections that is kept; 0.5\n" },
	{ "key", "get", cmd_key_get, "LINK [id UUID] [--show-secret]",
	  "take a key: it is spent then",
	  "Without id the next outbound key is taken. With id that inbound key is reserved and\n"
	  "committed. Prints ID and length; the bytes only with --show-secret.\n" },
	{ "stats", NULL, cmd_stats, "[LINK | daemon PATH] [--prometheus]",
	  "show levels and counters of links and services",
	  "Keys of one link or all, since it was added; without LINK also the connections of each\n"
	  "service of qkdtlsd, if that runs, since it was started.\n"
	  "daemon        only these, from the UNIX socket PATH (qkdtlsd.conf(5), \"stats\")\n"
	  "--prometheus  as Prometheus reads them\n" },
	{ "session", NULL, cmd_session, "", "list connections and the keys they were made with",
	  "Those that programs have named, as qkdtls and qkdtlsd do, until they are closed.\n" },
	{ "audit", "verify", cmd_audit_verify, "FILE [hash HEX]",
	  "check a file that 'monitor --audit' wrote",
	  "Says where its chain of hashes breaks, and which records are missing. With hash also\n"
	  "that the line with this hash is there: note the last one now and then elsewhere.\n" },
	{ "monitor", NULL, cmd_monitor, "[--audit FILE]", "print events until interrupted",
	  "One line each: link-up, link-down, link-degraded, link-gone, key-low, key-empty,\n"
	  "key-available, keys-expired, qber-alarm, binder-failures, provider-gone.\n"
	  "With --audit what becomes of each key is appended to FILE, hash-chained.\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char usage_end[] =
	"       qkdctl help [COMMAND]\n"
	"\n"
	"Options:\n"
	"  -j, --json         print one JSON document (monitor: one object a line)\n"
	"      --show-secret  key get: print the key's bytes too\n"
	"      --prometheus   stats: print metrics for Prometheus\n"
	"  -h, --help         print help, for a command where one is named\n"
	"  -V, --version      print the version\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage. See qkdctl(8).\n";

static void print_command(FILE *to, const char *lead, const struct command *command)
{
	fprintf(to, "%s qkdctl %s%s%s%s%s\n", lead, command->object, command->verb ? " " : "",
		command->verb ? command->verb : "", *command->arguments ? " " : "",
		command->arguments);
}

static void print_usage(FILE *to)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		print_command(to, i ? "      " : "Usage:", &commands[i]);
		fprintf(to, "                 %s\n", commands[i].help);
	}
	fputs(usage_end, to);
}

static void print_help(const struct command *command)
{
	print_command(stdout, "Usage:", command);
	printf("\n%s\n\n%s", command->help, command->details);
}

/* Sets @used to the number of words that name the command. */
static const struct command *find(int argc, char **argv, int *used)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *command = &commands[i];

		*used = command->verb ? 2 : 1;
		if (argc >= *used && !strcmp(argv[0], command->object) &&
		    (!command->verb || !strcmp(argv[1], command->verb)))
			return command;
	}
	return NULL;
}

static bool is_object(const char *word)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].object, word))
			return true;
	return false;
}

static int unknown(int argc, char **argv)
{
	if (!argc) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (!is_object(argv[0]))
		log_error("unknown command '%s': see 'qkdctl help'", argv[0]);
	else if (argc == 1)
		log_error("'%s' what? See 'qkdctl help'", argv[0]);
	else
		log_error("unknown command '%s %s': see 'qkdctl help'", argv[0], argv[1]);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *command;
	bool found = false;
	int used;

	if (!argc) {
		print_usage(stdout);
		return EXIT_OK;
	}
	command = find(argc, argv, &used);
	if (command) {
		print_help(command);
		return EXIT_OK;
	}
	/* "help link" and "link --help": all of link's commands */
	for (size_t i = 0; argc == 1 && i < COMMANDS; i++) {
		if (strcmp(commands[i].object, argv[0]))
			continue;
		printf("%s", found ? "\n" : "");
		print_help(&commands[i]);
		found = true;
	}
	return found ? EXIT_OK : unknown(argc, argv);
}

static int run(const struct options *options, int argc, char **argv)
{
	const struct command *command;
	int used, ret;

	if (argc && !strcmp(argv[0], "help"))
		return help(argc - 1, argv + 1);
	command = find(argc, argv, &used);
	if (!command)
		return unknown(argc, argv);
	if (options->prometheus && command->run != cmd_stats)
		return fail_usage("--prometheus is for 'stats' only");
	if (options->show_secret && command->run != cmd_key_get)
		return fail_usage("--show-secret is for 'key get' only");
	ret = command->run(options, argc - used, argv + used);
	if (ret == EXIT_USAGE)
		print_command(stderr, "Usage:", command);
	return ret;
}

/* A command's own options: "--length 50" is another way to write the words "length 50". */
static const char *const word_options[] = {
	"length",	"attenuation",	    "detector-efficiency",
	"dark-count",	"pulse-rate",	    "mean-photon-number",
	"misalignment", "error-correction", "sifting",
	"audit",
};

#define WORD_OPTIONS (sizeof(word_options) / sizeof(word_options[0]))
#define OWN_OPTIONS  5

/**
 * struct line - a command line without its options
 * @words: those of the command, those of the command's own options behind them
 * @count: how many; room is for twice as many as there were arguments
 */
struct line {
	char **words;
	int count;
};

/* Return: -1 to go on, or an exit status. */
static int parse_options(int argc, char **argv, struct options *options, bool *want_help,
			 struct line *line)
{
	struct option long_options[OWN_OPTIONS + WORD_OPTIONS + 1] = {
		{ "json", no_argument, NULL, 'j' },	  { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	  { "show-secret", no_argument, NULL, 's' },
		{ "prometheus", no_argument, NULL, 'p' },
	};
	int c, index;

	for (size_t i = 0; i < WORD_OPTIONS; i++)
		long_options[OWN_OPTIONS + i] =
			(struct option){ word_options[i], required_argument, NULL, 'w' };
	while ((c = getopt_long(argc, argv, "jhV", long_options, &index)) != -1) {
		switch (c) {
		case 'j':
			options->json = true;
			break;
		case 'p':
			options->prometheus = true;
			break;
		case 's':
			options->show_secret = true;
			break;
		case 'h':
			*want_help = true;
			break;
		case 'w':
			line->words[line->count++] = (char *)long_options[index].name;
			line->words[line->count++] = optarg;
			break;
		case 'V':
			puts("qkdctl " QKD_VERSION);
			return EXIT_OK;
		default:
			fputs("See 'qkdctl help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	return -1;
}

/* What is no option, which getopt_long() has moved behind them all, goes before their words. */
static void put_words_first(struct line *line, int argc, char **argv)
{
	memmove(line->words + argc, line->words, (size_t)line->count * sizeof(*line->words));
	memcpy(line->words, argv, (size_t)argc * sizeof(*argv));
	line->count += argc;
}

int main(int argc, char **argv)
{
	struct line line = { .words = calloc(2 * (size_t)argc + 1, sizeof(*line.words)) };
	struct options options = { 0 };
	bool want_help = false;
	int ret;

	log_init("qkdctl");
	if (!line.words) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	ret = parse_options(argc, argv, &options, &want_help, &line);
	if (ret < 0) {
		put_words_first(&line, argc - optind, argv + optind);
		ret = want_help ? help(line.count, line.words)
				: run(&options, line.count, line.words);
	}
	free(line.words);
	return ret;
}
