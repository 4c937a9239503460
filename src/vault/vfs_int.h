/* vfs_int.h - what the files of the sealing VFS share.  Private to this floor.
 *
 * Thread: any. */
#ifndef HTH_VAULT_VFS_INT_H
#define HTH_VAULT_VFS_INT_H

#include <stdbool.h>

#include "crypt/aead.h"
#include "vault/vfs.h"

enum {
    HTH_PAGE_BYTES = 4096,
    HTH_PAGE_RESERVED = HTH_AEAD_TAG_BYTES + HTH_XCHACHA_NONCE_BYTES, /* the page's last bytes */
    HTH_PAGE_TEXT = HTH_PAGE_BYTES - HTH_PAGE_RESERVED,
    HTH_WAL_HEAD = 32,
    HTH_FRAME_HEAD = 24,
    HTH_FRAME_BYTES = HTH_FRAME_HEAD + HTH_PAGE_BYTES,
    HTH_SEALED_ID = 16,
    HTH_SEALED_HEAD = 128, /* of the file's first page, which is before SQLite's; the rest is 0 */
    HTH_VFS_NAME = 48
};

struct HthVfs {
    sqlite3_vfs face;
    sqlite3_vfs *under;
    const char *what;
    uint8_t *key; /* [32] of this file's pages; secret memory */
    uint8_t head[HTH_SEALED_HEAD], id[HTH_SEALED_ID];
    char name[HTH_VFS_NAME];
};

/* Registers v, whose head, id and key are set, over the VFS `under`. */
HTH_MUST_CHECK HthStatus hth_vfs_register(HthVfs *v, const char *under, HthErr *err);

/* One page, [HTH_PAGE_BYTES]; its reserved bytes are zero outside the disk. `where`: what it is
 * bound to besides the file. mark: goes into the last four bytes of the nonce, for a frame; NULL:
 * they are random too. unseal: in place; false: not what was sealed, the page is zero. */
typedef struct HthPageWhere {
    uint8_t bytes[1 + HTH_SEALED_ID + 8 + 8 + 8];
    size_t n;
} HthPageWhere;
HthPageWhere hth_page_of_file(const HthVfs *v, uint64_t page); /* from 0 */
void hth_page_seal(const HthVfs *v, uint8_t *out, const uint8_t *page, const HthPageWhere *where,
                   const uint32_t *mark);
bool hth_page_unseal(const HthVfs *v, uint8_t *page, const HthPageWhere *where);
bool hth_page_reserve_is_zero(const uint8_t *page);

/* The log, as one connection knows it. */
typedef struct HthWal {
    const HthVfs *v;
    sqlite3_file *real; /* of the VFS below */
    bool recovering;
    uint32_t committed, durable; /* frames: up to the last commit written, and synced */
} HthWal;
int hth_wal_read(HthWal *w, void *out, int n, sqlite3_int64 at); /* SQLite's codes */
int hth_wal_write(HthWal *w, const void *p, int n, sqlite3_int64 at);
void hth_wal_synced(HthWal *w);

#endif
