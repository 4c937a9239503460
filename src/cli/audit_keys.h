/* audit_keys.h - the audit log and this user's keyring: keys of its texts, the key it signs with.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_AUDIT_KEYS_H
#define HTH_CLI_AUDIT_KEYS_H

#include "audit/content.h"
#include "audit/log.h"
#include "vault/keyring.h"

/* ring is borrowed, and must outlive what is returned. */
HthContentKeys hth_audit_keys(HthKeyring *ring);
/* hth_audit_open, the log's key sealed with the keyring. */
HTH_MUST_CHECK HthStatus hth_cli_audit_open(HthAudit **out, const char *folder,
                                            const HthKeyring *ring, HthErr *err);

#endif
