/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What AddressSanitizer needs of a filtered process, in builds with it (make SAN=1), and only there: nothing of this is in a
 * program that is installed. Leaks of a filtered process are not looked for, since it ends by _exit().
 */
#ifndef QKDTLSD_SANITIZER_H
#define QKDTLSD_SANITIZER_H

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#include <asm/termbits.h>
#include <asm/ioctls.h>

/* Reports say where the program's parts are in memory, which cannot be read in /proc/self/maps any more. */
static inline void sanitizer_prepare(void)
{
	__sanitizer_sandbox_arguments arguments = { 0 };

	__sanitizer_sandbox_on_notify(&arguments);
}

/* Rows of the filter's table */
#define SANITIZER_CALLS                                                  \
	{ SCMP_SYS(readlinkat), BOTH }, { SCMP_SYS(sigaltstack), BOTH }, \
		{ SCMP_SYS(read), SIGNER }, { SCMP_SYS(pipe2), SIGNER }, \
		{ SCMP_SYS(ioctl), BOTH, { INT(1, TCGETS) } },           \
		{ SCMP_SYS(openat), SIGNER, .error = EACCES },
#else
static inline void sanitizer_prepare(void)
{
}

#define SANITIZER_CALLS
#endif

#endif /* QKDTLSD_SANITIZER_H */
