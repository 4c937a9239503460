/* keep.h - a folder of backups: which there are, which are kept, which go.
 *
 * The folder's index, hearth-backups.json, has a row for each backup that was made there: its name,
 * size and SHA-256.  Only what stands in it, and is still as it was written, is ever removed.
 *
 * Thread: one at a time. */
#ifndef HTH_BACKUP_KEEP_H
#define HTH_BACKUP_KEEP_H

#include "base/str.h"
#include "crypt/hash.h"

enum { HTH_SHELF_NAME = 40, HTH_SHELF_MAX = 10000 };

/* The newest of so many last days, weeks (from Monday) and months (all UTC) that have one; of those
 * none that is more than so many days older than the newest. The newest of all is always kept. */
typedef struct HthKeepRule {
    uint32_t daily, weekly, monthly;
    uint32_t days; /* 0: however old */
} HthKeepRule;
/* What is kept when nobody says what. */
#define HTH_KEEP_RULE "daily=7,weekly=4,monthly=6,days=180"
/* The like of it, in any order; what is left out is 0, and not all but days may be. EINVAL. */
HTH_MUST_CHECK HthStatus hth_keep_parse(HthKeepRule *out, HthStr text, HthErr *err);

typedef struct HthShelved {
    char name[HTH_SHELF_NAME];
    int64_t made_s;
    uint64_t bytes;
    char sha256[HTH_HASH_HEX + 1];
    bool go;
} HthShelved;

/* all: newest first; now_s: seconds since 1970. Sets go. EINVAL: one is from after now, so the
 * clock was wrong then or is wrong now, and by it nothing goes: what was written last may not be
 * what looks newest. */
HTH_MUST_CHECK HthStatus hth_keep_choose(HthShelved *all, size_t n, const HthKeepRule *rule,
                                         int64_t now_s, HthErr *err);
/* "hearth-20261122T044500Z.age" */
void hth_shelf_name(char out[HTH_SHELF_NAME], int64_t made_s);

/* Removes what backups that were killed have left in the folder half written. */
void hth_shelf_clear_left(const char *folder);

/* Newest first; those of the index that are there. *out is the caller's (hth_shelf_drop). EFORMAT:
 * the index is damaged. */
HTH_MUST_CHECK HthStatus hth_shelf_list(HthShelved **out, size_t *n, const char *folder,
                                        HthErr *err);
void hth_shelf_drop(HthShelved **all);
/* Reads what was just written, and enters it; in place of one that had the name before. */
HTH_MUST_CHECK HthStatus hth_shelf_add(const char *folder, const char *name, HthErr *err);
/* Removes those that shall go, after the newest of those that stay has been read once more: it must
 * be what was written (EFORMAT). One that shall go and is not what was written stays: `go` is false
 * then. */
HTH_MUST_CHECK HthStatus hth_shelf_remove(const char *folder, HthShelved *all, size_t n,
                                          HthErr *err);

#endif
