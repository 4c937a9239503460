/* serve_parts.h - the three processes of a running server, and the parts of each.
 *
 *   main     waits for signals, speaks with the service manager, ends with the others
 *   engine   models, users, conversations, logs, keys; no socket (serve_parts.c)
 *   front    sockets, HTTP, TLS; no model, no key but its certificate's (serve_front.c)
 *
 * Thread: the main thread of each. */
#ifndef HTH_CLI_SERVE_PARTS_H
#define HTH_CLI_SERVE_PARTS_H

#include "cage/cage.h"
#include "cli/cli.h"
#include "cli/lora.h"
#include "serve/access_log.h"
#include "serve/far.h"
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
    HthLoras loras;
    HthModelAdapter adapters[HTH_ADAPTERS_MAX]; /* the same, for the house */
    const char *port_file, *log;
    bool open, no_chats, no_audit, no_cage, tick_failed;
    HthContent audit_content;

    HthLinkMap map; /* between front and engine */
    HthLife *the_life;
    HthErr keyless; /* what is wrong when nobody has a key; no error: nothing */

    /* What is open in an engine. */
    char cage[48]; /* what it is made of; "none" */
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
    HthFar *far;
} HthServe;

/* What a child says once, when it is ready. */
typedef struct HthServeReady {
    bool moved; /* as hth_life_moved */
    uint16_t ports[HTH_LIFE_LISTENS_MAX]; /* of the TCP listeners, really bound */
    char token[HTH_TOKEN_TEXT]; /* of the link that was asked for */
} HthServeReady;

/* One byte each, from main; the end of the pipe is HTH_SERVE_QUIT. */
typedef enum HthServeOrder {
    HTH_SERVE_RELOAD = 'r', /* answered with the same byte, or with 'f': it failed, and said why */
    HTH_SERVE_DRAIN = 'd', /* front: no new requests, and an end when the others are answered */
    HTH_SERVE_QUIT = 'q'
} HthServeOrder;

void hth_serve_init(HthServe *s); /* before the command line is read; s is zero */
void hth_serve_drop(HthServe *s);
int hth_serve_run(HthServe *s); /* serve_run.c: all of it; an exit code */

/* The two processes: an exit code. They say and hear on pipes. */
int hth_serve_engine(HthServe *s, int say, int orders);
int hth_serve_front(HthServe *s, int say, int orders);
/* For both: ends with its parent, and holds no descriptor but standard ones and those of `keep`. */
void hth_serve_child(const int *keep, size_t n);
void hth_serve_parent(void); /* again: other credentials forget it */
int hth_serve_order(int orders, int wait_ms); /* the next, 0: none yet; wait_ms -1: for ever */
bool hth_serve_say(int say, const void *bytes, size_t n);

/* serve_audit.c: the audit log. */
bool hth_serve_audit_content(HthServe *s, const char *name); /* false: said so */
HTH_MUST_CHECK HthStatus hth_serve_audit_open(HthServe *s, HthErr *err); /* after the ring */
HTH_MUST_CHECK HthStatus hth_serve_desk_open(HthServe *s, HthErr *err); /* receipts */
void hth_serve_audit_tick(HthServe *s); /* about once a second */
void hth_serve_audit_close(HthServe *s); /* after the house */

#endif
