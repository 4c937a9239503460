/* file_fault.h - where file.c and file_out.c ask whether a test wants this system call to fail.
 *
 * Private to base.
 *
 * Thread: any. */
#ifndef HTH_BASE_FILE_FAULT_H
#define HTH_BASE_FILE_FAULT_H

#include <stdbool.h>

/* Counts one system call; true (and errno EIO) when hth_file_fail_after says it fails. */
bool hth_file_fault(void);

#endif
