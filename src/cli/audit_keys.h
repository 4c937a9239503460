/* audit_keys.h - texts of the audit log under the keys of this user's keyring.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_AUDIT_KEYS_H
#define HTH_CLI_AUDIT_KEYS_H

#include "audit/content.h"
#include "vault/keyring.h"

/* ring is borrowed, and must outlive what is returned. */
HthContentKeys hth_audit_keys(HthKeyring *ring);

#endif
