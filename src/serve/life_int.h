/* life_int.h - what life.c and life_listen.c share, and nobody else.
 *
 * Thread: main. */
#ifndef HTH_SERVE_LIFE_INT_H
#define HTH_SERVE_LIFE_INT_H

#include <signal.h>

#include "serve/life.h"

struct HthLife {
    HthListen listens[HTH_LIFE_LISTENS_MAX];
    size_t listen_count;
    HthAddress address; /* of the TCP listener */
    char unix_path[HTH_LIFE_PATH_MAX];
    char *cert_file, *key_file, *client_ca; /* owned */
    bool handed, moved;
    int manager; /* of services: a socket that leads to it, and nowhere else; -1: there is none */
    sigset_t signals_before;
};

int hth_life_find_manager(void); /* HthLife.manager */
void hth_life_block_signals(HthLife *life);
void hth_life_unblock_signals(HthLife *life); /* forgets those that wait */

#endif
