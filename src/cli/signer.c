/* signer.c - see signer.h.
 *
 * Thread: the main thread. */
#include "cli/signer.h"

#include <unistd.h>

#include "audit/keyfile.h"
#include "cli/vault.h"
#include "crypt/secret.h"

HthStatus hth_cli_signer(HthSigner **out, HthVkey *vkey, const char *path, HthStr name,
                         HthErr *err) {
    void *seal = NULL;
    if (name.n || access(path, F_OK) == 0) HTH_TRY(hth_vault_key(&seal, HTH_KEY_SIGNER, err));
    const HthStatus status = hth_keyfile_open(out, vkey, path, name, seal, err);
    hth_secret_free(seal);
    return status;
}

HthStatus hth_cli_signer_of(HthSigner **out, HthVkey *vkey, const char *path, HthStr name,
                            const HthKeyring *ring, HthErr *err) {
    void *seal = NULL;
    HTH_TRY(hth_secret_alloc(&seal, HTH_RING_KEY_BYTES, err));
    hth_keyring_key(ring, HTH_KEY_SIGNER, seal);
    const HthStatus status = hth_keyfile_open(out, vkey, path, name, seal, err);
    hth_secret_free(seal);
    return status;
}
