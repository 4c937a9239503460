/* tile.h - where a tree's hashes lie on disk: c2sp.org/tlog-tiles, to the byte.
 *
 * 256 hashes make a tile (8,192 bytes), 256 tiles a tile of the level above; what is not full yet
 * lies in NAME.p/WIDTH.  Tiles follow from the entries: one that is missing or damaged is written
 * again, so they are not synced.
 *
 * Thread: one at a time for HthTiles; readers are free. */
#ifndef HTH_AUDIT_TILE_H
#define HTH_AUDIT_TILE_H

#include <sys/types.h>

#include "audit/tree.h"

enum {
    HTH_TILE_WIDTH = 256,
    HTH_TILE_LEVELS = 8,
    HTH_TILE_ENTRIES = -1, /* a level: bundles of entries */
    HTH_TILE_PATH = 64 /* bytes of a path below the tree's folder, with its NUL */
};

/* "tile/0/x001/x234/067", "tile/0/000.p/15", "tile/entries/000"; width 1 to 256. */
void hth_tile_path(char out[HTH_TILE_PATH], int level, uint64_t index, unsigned width);

/* Makes the folders that path is in, those that are not there; whoever writes there sees whether it
 * could be done. */
void hth_tile_folders(char *path, mode_t mode);

/* A tree that grows and leaves its tiles in a folder. */
typedef struct HthTiles HthTiles;
typedef struct HthTilesReport {
    uint64_t missing, wrong; /* tiles that were not there, or not right */
    uint64_t checked;
} HthTilesReport;
typedef enum HthTilesMode {
    HTH_TILES_WRITE, /* those that are not there or not right are written */
    HTH_TILES_CHECK, /* nothing is written; *report counts */
    HTH_TILES_NONE /* the tree alone */
} HthTilesMode;
/* folder: copied; the tree's own, made when something is written.  report is borrowed and may be
 * NULL.  ENOMEM. */
HTH_MUST_CHECK HthStatus hth_tiles_open(HthTiles **out, HthHashKind kind, const char *folder,
                                        HthTilesMode mode, HthTilesReport *report, HthErr *err);
void hth_tiles_close(HthTiles **tiles);
const HthTree *hth_tiles_tree(const HthTiles *tiles);
/* EIO: a tile that was full then cannot be written. The tree has grown all the same. */
HTH_MUST_CHECK HthStatus hth_tiles_append(HthTiles *tiles, const uint8_t leaf[HTH_HASH_BYTES],
                                          HthErr *err);
/* Tiles that are not full, as of this size: for a checkpoint. */
HTH_MUST_CHECK HthStatus hth_tiles_partial(HthTiles *tiles, HthErr *err);
/* Writing from here on, whatever the mode was. */
void hth_tiles_mode(HthTiles *tiles, HthTilesMode mode);

/* An HthTreeGet over the tiles of a tree of `size` entries. Up to eight tiles are remembered. */
typedef struct HthTileSource HthTileSource;
HTH_MUST_CHECK HthStatus hth_tile_source_open(HthTileSource **out, HthHashKind kind,
                                              const char *folder, uint64_t size, HthErr *err);
void hth_tile_source_close(HthTileSource **source);
/* payload is the source.  EIO: a tile is not there; EFORMAT: it has another length. */
HTH_MUST_CHECK HthStatus hth_tile_get(void *source, unsigned height, uint64_t index,
                                      uint8_t out[HTH_HASH_BYTES], HthErr *err);

#endif
