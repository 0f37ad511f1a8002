/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKD_COMMON_VERSION_H
#define _QKD_COMMON_VERSION_H

/* Of all programs; what --version prints */
#define QKD_VERSION "0.1.0"

#endif /* _QKD_COMMON_VERSION_H */
