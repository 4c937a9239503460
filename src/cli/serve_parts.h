/* serve_parts.h - the parts of a running server, as the verb serve and nobody else opens them.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_SERVE_PARTS_H
#define HTH_CLI_SERVE_PARTS_H

#include "cli/cli.h"
#include "serve/access_log.h"
#include "serve/house.h"
#include "serve/life.h"
#include "serve/receipts.h"
#include "vault/keyring.h"

enum { HTH_SERVE_LIST_MAX = 32 }; /* folders, names, origins */

typedef struct HthServe {
    /* What the command line says; strings are its own. */
    HthLifeCfg life;
    HthHouseCfg house;
    const char *folders[HTH_SERVE_LIST_MAX], *names[HTH_SERVE_LIST_MAX],
        *origins[HTH_SERVE_LIST_MAX];
    size_t folder_count, name_count, origin_count;
    const char *port_file, *log;
    bool open, no_chats, no_audit, tick_failed;
    HthContent audit_content;

    /* What is open. */
    bool missing; /* there is no model of the name that was given */
    HthBuf state, home, chats_path;
    HthKeyring *ring;
    HthEvidence *evidence; /* NULL: --no-audit */
    HthReceiptDesk desk;
    HthStore *store;
    HthUsers *users;
    HthChats *chats;
    HthAuth *auth;
    HthHouse *the_house;
    HthAccessLog *access;
    HthLife *the_life;
    HthHttp *http;
} HthServe;

void hth_serve_init(HthServe *s); /* before the command line is read; s is zero */
/* All parts in their order. On failure what is open stays so, for hth_serve_close. */
HTH_MUST_CHECK HthStatus hth_serve_open(HthServe *s, HthErr *err);
void hth_serve_tell(const HthServe *s); /* where it listens, and the link that was asked for */
HTH_MUST_CHECK HthStatus hth_serve_reload(HthServe *s, HthErr *err); /* certificates, log */
void hth_serve_close(HthServe *s);

/* serve_audit.c: the audit log. */
bool hth_serve_audit_content(HthServe *s, const char *name); /* false: said so */
HTH_MUST_CHECK HthStatus hth_serve_audit_open(HthServe *s, HthErr *err); /* after the ring */
HTH_MUST_CHECK HthStatus hth_serve_desk_open(HthServe *s, HthErr *err); /* receipts */
void hth_serve_audit_tick(HthServe *s); /* about once a second */
void hth_serve_audit_close(HthServe *s); /* after the house */

#endif
