/* keyring_fuzz.c - a keyring and a file of subjects' keys as somebody else left them. */
#include <string.h>

#include "vault/keyring_int.h"

/* The sum at the end is made right first, or nothing behind it would be looked at. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static uint8_t bytes[1 << 14], root[HTH_RING_KEY_BYTES];
    HthRing r;
    uint32_t count;
    if (n < HTH_HASH_BYTES || n > sizeof bytes) return 0;
    (void)!hth_subjects_check((HthStr){ (const char *)data, n }, &count, NULL);
    memcpy(bytes, data, n);
    hth_hash(HTH_SHA256, bytes, n - HTH_HASH_BYTES, bytes + n - HTH_HASH_BYTES);
    if (hth_ring_parse(&r, (HthStr){ (const char *)bytes, n }, NULL) != HTH_OK) return 0;
    HthBuf again;
    hth_buf_init(&again, sizeof bytes);
    (void)hth_ring_mac_ok(&r, root);
    if (hth_ring_print(&again, &r, root, NULL) != HTH_OK || again.n != n) __builtin_trap();
    if (memcmp(again.p, bytes, n - 2 * HTH_HASH_BYTES) != 0) __builtin_trap();
    hth_buf_drop(&again);
    return 0;
}
