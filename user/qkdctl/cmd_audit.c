// SPDX-License-Identifier: GPL-2.0-or-later
/* Is the file that "monitor --audit" wrote what it wrote? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/log.h"
#include "qkdctl/args.h"
#include "qkdctl/audit.h"
#include "qkdctl/chain.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

#define HEX_LEN (2 * CHAIN_HASH_LEN)

/**
 * struct audit_check - how far a file has been read
 * @hash: of the last line
 * @want: hash that a line must have, where @wanted
 * @wanted: see @want
 * @found: a line had it
 * @lines: so far
 * @records: lines about keys
 * @missing: numbers that records between the first and the last of a link do not have
 * @places: the last record of each link
 * @place_count: how many
 * @text: missing records are told on standard output
 */
struct audit_check {
	uint8_t hash[CHAIN_HASH_LEN];
	uint8_t want[CHAIN_HASH_LEN];
	bool wanted, found;
	uint64_t lines, records, missing;
	struct audit_place *places;
	size_t place_count;
	bool text;
};

static struct audit_place *find_place(struct audit_check *check, const struct audit_place *of)
{
	for (size_t i = 0; i < check->place_count; i++)
		if (check->places[i].serial == of->serial &&
		    !strcmp(check->places[i].link, of->link))
			return &check->places[i];
	return NULL;
}

static int add_place(struct audit_check *check, const struct audit_place *place)
{
	struct audit_place *places =
		reallocarray(check->places, check->place_count + 1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	check->places = places;
	places[check->place_count++] = *place;
	return 0;
}

static int note_record(struct audit_check *check, const struct audit_place *place)
{
	struct audit_place *last = find_place(check, place);

	check->records++;
	if (!last)
		return add_place(check, place);
	if (place->seq > last->seq + 1) {
		check->missing += place->seq - last->seq - 1;
		if (check->text)
			printf("line %" PRIu64 ": link %s serial %" PRIu64 ": records %" PRIu64
			       " to %" PRIu64 " are missing\n",
			       check->lines, place->link, place->serial, last->seq + 1,
			       place->seq - 1);
	}
	last->seq = place->seq;
	return 0;
}

/* 0, -EBADMSG: the chain breaks here, or -ENOMEM */
static int check_line(struct audit_check *check, const char *line, size_t len)
{
	uint8_t said[CHAIN_HASH_LEN];
	struct audit_place place;
	size_t text_len;

	check->lines++;
	if (!len || line[len - 1] != '\n' || !chain_split(line, len - 1, &text_len, said))
		return -EBADMSG;
	if (chain_next(check->hash, line, text_len))
		return -ENOMEM;
	if (memcmp(check->hash, said, sizeof(said)))
		return -EBADMSG;
	check->found |= check->wanted && !memcmp(said, check->want, sizeof(said));
	return audit_parse(line, text_len, &place) ? note_record(check, &place) : 0;
}

static int check_file(struct audit_check *check, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int ret = 0;

	while (!ret && (len = getline(&line, &size, file)) > 0)
		ret = check_line(check, line, (size_t)len);
	if (!ret && ferror(file))
		ret = -EIO;
	free(line);
	return ret;
}

static int print_json(const struct audit_check *check, const char *path, bool intact)
{
	struct json_object *doc = json_object_new_object();
	char hex[HEX_LEN + 1];

	hex_encode(check->hash, sizeof(check->hash), hex);
	json_object_object_add(doc, "file", json_object_new_string(path));
	json_object_object_add(doc, "intact", json_object_new_boolean(intact));
	json_object_object_add(doc, "lines", json_object_new_uint64(check->lines));
	json_object_object_add(doc, "records", json_object_new_uint64(check->records));
	json_object_object_add(doc, "missing", json_object_new_uint64(check->missing));
	json_object_object_add(doc, "hash", intact ? json_object_new_string(hex) : NULL);
	return output_json(doc);
}

static int report_broken(const struct audit_check *check, const char *path, bool json)
{
	log_error("%s: line %" PRIu64
		  ": the chain breaks here: this line, or the end of the one before it, is not "
		  "what was written, or lines between them are gone",
		  path, check->lines);
	if (json)
		print_json(check, path, false);
	return EXIT_FAILED;
}

static int report_cut(const struct audit_check *check, const char *path, bool json)
{
	log_error("%s: no line has the hash named: the end was cut off, or all was written anew",
		  path);
	if (json)
		print_json(check, path, false);
	return EXIT_FAILED;
}

static int report_intact(const struct audit_check *check, const char *path, bool json)
{
	char hex[HEX_LEN + 1];

	if (json)
		return print_json(check, path, true);
	hex_encode(check->hash, sizeof(check->hash), hex);
	printf("%s: lines %" PRIu64 " records %" PRIu64 " missing %" PRIu64 " hash %s\n", path,
	       check->lines, check->records, check->missing, hex);
	return output_end();
}

static int verify(struct audit_check *check, const char *path, bool json)
{
	FILE *file = fopen(path, "re");
	int ret = file ? check_file(check, file) : -errno;

	if (file)
		fclose(file);
	if (ret == -EBADMSG)
		return report_broken(check, path, json);
	if (ret)
		return fail(TRY_FILE, path, ret, NULL);
	if (check->wanted && !check->found)
		return report_cut(check, path, json);
	return report_intact(check, path, json);
}

int cmd_audit_verify(const struct options *options, int argc, char **argv)
{
	struct audit_check check = { .text = !options->json };
	struct word hash = { .name = "hash" };
	char problem[PROBLEM_LEN];
	int ret;

	if (!argc)
		return fail_usage("the name of a file is wanted");
	if (args_words(argc - 1, argv + 1, &hash, 1, problem))
		return fail_usage(problem);
	check.wanted = hash.text;
	if (hash.text &&
	    (strlen(hash.text) != HEX_LEN ||
	     hex_decode(hash.text, HEX_LEN, check.want, sizeof(check.want)) != CHAIN_HASH_LEN))
		return fail_usage("'hash': 64 hexadecimal digits are wanted");
	ret = verify(&check, argv[0], options->json);
	free(check.places);
	return ret;
}
