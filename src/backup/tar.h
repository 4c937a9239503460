/* tar.h - the heads of a tar archive (POSIX ustar): regular files and nothing else.
 *
 * Written in one way only; what is read has to be what would be written, to the byte, but for the
 * time and the mode.  A size of 8 GiB or more is written in base 256, which GNU and BSD tar read.
 *
 * Thread: any. */
#ifndef HTH_BACKUP_TAR_H
#define HTH_BACKUP_TAR_H

#include "base/str.h"

enum { HTH_TAR_BLOCK = 512, HTH_TAR_NAME_MAX = 255 };

/* Relative, of parts that are neither empty nor . nor .., UTF-8 without control characters, and
 * such that ustar has room for it. */
bool hth_tar_name_ok(HthStr name);
/* EINVAL: no such name. */
HTH_MUST_CHECK HthStatus hth_tar_print(uint8_t out[HTH_TAR_BLOCK], HthStr name, uint64_t bytes,
                                       int64_t time_s, HthErr *err);
typedef struct HthTarHead {
    char name[HTH_TAR_NAME_MAX + 1];
    uint64_t bytes; /* of content; padded with zeros to blocks */
    bool end; /* a block of zeros: there are two, and nothing after them */
} HthTarHead;
/* EFORMAT. */
HTH_MUST_CHECK HthStatus hth_tar_parse(HthTarHead *out, const uint8_t block[HTH_TAR_BLOCK],
                                       HthErr *err);
/* Zeros behind so many bytes of content. */
unsigned hth_tar_padding(uint64_t bytes);

#endif
