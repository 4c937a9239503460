/* map.h - open-addressing hash maps: byte slices or 64-bit keys to uint32_t.
 *
 * Slice keys are borrowed: they must outlive the map.  Hashing is seeded per process so that a
 * hostile vocabulary cannot aim at one bucket.  Values are never UINT32_MAX (that means absent).
 *
 * Thread: many readers, or one writer. */
#ifndef HTH_BASE_MAP_H
#define HTH_BASE_MAP_H

#include "base/str.h"

#define HTH_MAP_NONE UINT32_MAX

typedef struct HthMap HthMap; /* HthStr -> uint32_t */
typedef struct HthMap64 HthMap64; /* uint64_t -> uint32_t */

HTH_MUST_CHECK HthStatus hth_map_open(HthMap **out, size_t expected, HthErr *err);
void hth_map_close(HthMap **map);
/* Sets or replaces. ENOMEM only. */
HTH_MUST_CHECK HthStatus hth_map_put(HthMap *map, HthStr key, uint32_t value, HthErr *err);
/* Sets if absent; what is there stays. ENOMEM only. */
HTH_MUST_CHECK HthStatus hth_map_add(HthMap *map, HthStr key, uint32_t value, HthErr *err);
uint32_t hth_map_get(const HthMap *map, HthStr key); /* HTH_MAP_NONE if absent */
/* out[i] = hth_map_get(map, keys[i]), i < n: for long lists, as the waits for memory overlap. */
void hth_map_get_many(const HthMap *map, const HthStr *keys, size_t n, uint32_t *out);
void hth_map_prefetch(const HthMap *map, HthStr key); /* key will soon be asked for or put */
size_t hth_map_count(const HthMap *map);

HTH_MUST_CHECK HthStatus hth_map64_open(HthMap64 **out, size_t expected, HthErr *err);
void hth_map64_close(HthMap64 **map);
HTH_MUST_CHECK HthStatus hth_map64_put(HthMap64 *map, uint64_t key, uint32_t value, HthErr *err);
/* Sets if absent; what is there stays. ENOMEM only. */
HTH_MUST_CHECK HthStatus hth_map64_add(HthMap64 *map, uint64_t key, uint32_t value, HthErr *err);
void hth_map64_prefetch(const HthMap64 *map, uint64_t key);
uint32_t hth_map64_get(const HthMap64 *map, uint64_t key);
size_t hth_map64_count(const HthMap64 *map);

#endif
