// SPDX-License-Identifier: GPL-2.0-only
/* Blocks between the equipment and the kernel: numbers only, their keys are made when they arrive. */
#include <linux/minmax.h>
#include <linux/slab.h>

#include "sim.h"

void qkd_sim_flight_init(struct qkd_sim_flight *flight)
{
	INIT_LIST_HEAD(&flight->blocks);
}

/* May be filled again. */
void qkd_sim_flight_exit(struct qkd_sim_flight *flight)
{
	qkd_sim_flight_unhold(flight);
	while (flight->count)
		qkd_sim_flight_drop_first(flight);
	flight->last_due = 0;
}

/* None overtakes another, however early it is due. */
static void append(struct qkd_sim_flight *flight, struct qkd_sim_block *block)
{
	block->due = max(block->due, flight->last_due);
	flight->last_due = block->due;
	list_add_tail(&block->node, &flight->blocks);
	flight->count++;
}

/* The block that is held need not wait any longer. */
void qkd_sim_flight_unhold(struct qkd_sim_flight *flight)
{
	if (flight->held)
		append(flight, flight->held);
	flight->held = NULL;
}

/* The next block, which may be lost, has been made. */
int qkd_sim_flight_add(struct qkd_sim_flight *flight, u64 number, u64 due,
		       const struct qkd_sim_fate *fate)
{
	struct qkd_sim_block *block = NULL;

	if (!fate->lost) {
		block = kmalloc(sizeof(*block), GFP_KERNEL);
		if (!block)
			return -ENOMEM;
		*block = (struct qkd_sim_block){ .number = number, .due = due, .fate = *fate };
	}
	if (block && !fate->late)
		append(flight, block);
	qkd_sim_flight_unhold(flight);
	if (block && fate->late)
		flight->held = block;
	return 0;
}

bool qkd_sim_flight_has(const struct qkd_sim_flight *flight, u64 number)
{
	const struct qkd_sim_block *block;

	list_for_each_entry(block, &flight->blocks, node) {
		if (block->number == number)
			return true;
	}
	return flight->held && flight->held->number == number;
}

struct qkd_sim_block *qkd_sim_flight_first(struct qkd_sim_flight *flight)
{
	return list_first_entry_or_null(&flight->blocks, struct qkd_sim_block, node);
}

void qkd_sim_flight_drop_first(struct qkd_sim_flight *flight)
{
	struct qkd_sim_block *block = qkd_sim_flight_first(flight);

	list_del(&block->node);
	flight->count--;
	kfree(block);
}
