/* file_fault.h - where code that does system calls on files asks whether a test wants this to fail.
 *
 * Not for code that goes through file.h: that asks already.
 *
 * Thread: any. */
#ifndef HTH_BASE_FILE_FAULT_H
#define HTH_BASE_FILE_FAULT_H

#include <stdbool.h>

/* Counts one system call; true (and errno EIO) when hth_file_fail_after says it fails. */
bool hth_file_fault(void);

#endif
