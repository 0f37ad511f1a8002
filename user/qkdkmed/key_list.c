// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "qkdkmed/key_list.h"

static size_t size_of(size_t max)
{
	return sizeof(struct key_list) + max * sizeof(struct qkd_key);
}

struct key_list *key_list_new(size_t max)
{
	struct key_list *list = calloc(1, size_of(max));

	if (list)
		list->max = max;
	return list;
}

const struct qkd_key *key_list_find(const struct key_list *list, const uint8_t id[QKD_KEY_ID_LEN])
{
	for (size_t i = 0; i < list->count; i++) {
		if (!memcmp(list->keys[i].id, id, QKD_KEY_ID_LEN))
			return &list->keys[i];
	}
	return NULL;
}

void key_list_free(struct key_list *list)
{
	if (!list)
		return;
	explicit_bzero(list, size_of(list->max));
	free(list);
}
