/* record.h - how entries lie in the log file: framed, checked, one after the other.
 *
 * A record is 32 bytes, the entry, and what is sealed beside it.  All numbers little-endian:
 *
 *    0  "hRec"
 *    4  u32 bytes of the entry, at most 65,535
 *    8  u32 bytes of the sealed part, at most 16 MiB
 *   12  u64 index of the entry
 *   20  u64 how many entries were on disk for certain when this was written
 *   28  u32 CRC-32C of the 28 bytes before, the entry and the sealed part
 *
 * The CRC finds damage; who changed an entry on purpose is found by the tree.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_RECORD_H
#define HTH_AUDIT_RECORD_H

#include "audit/tree.h"

enum {
    HTH_RECORD_HEAD = 32, /* bytes */
    HTH_SEALED_MAX = 16 << 20 /* bytes */
};
#define HTH_LOG_MAGIC "hearth audit log, version 1    \n" /* 32 bytes, the first of the file */

typedef struct HthRecord {
    uint64_t index, synced;
    HthStr entry, sealed; /* borrowed */
} HthRecord;

/* Continues from crc (0 to begin). */
uint32_t hth_crc32c(uint32_t crc, const void *bytes, size_t n);

size_t hth_record_bytes(const HthRecord *r); /* in the file */
void hth_record_put(uint8_t *out, const HthRecord *r); /* hth_record_bytes of them */
/* The record that p begins with, of n bytes.  Its length, or 0: none that is whole. */
size_t hth_record_get(HthRecord *out, const uint8_t *p, size_t n);
/* Somewhere in p is a whole record that was written when entry `index` was on disk for certain: so
 * what stands at `index` was damaged, not torn.  True as well for bytes that are made to hide it
 * among too many that look like one. */
bool hth_record_outlives(const uint8_t *p, size_t n, uint64_t index);

#endif
