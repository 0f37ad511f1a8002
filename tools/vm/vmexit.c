// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends the virtual machine with a status that a panic, a reset or a power-off cannot produce: QEMU's isa-debug-exit
 * device turns the byte V written to its port into exit status 2V + 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <unistd.h>

#define DEBUG_EXIT_PORT 0xf4
#define END_S		60

int main(int argc, char **argv)
{
	if (argc != 2 || ioperm(DEBUG_EXIT_PORT, 1, 1)) {
		perror("vmexit");
		return 1;
	}
	outb((unsigned char)atoi(argv[1]), DEBUG_EXIT_PORT);
	/* QEMU ends in a thread of its own; until it does this process, which is the first, must not. */
	sleep(END_S);
	return 1;
}
