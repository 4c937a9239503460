/* cage.h - a process that can reach nothing: no network, no other process, no file but its own.
 *
 * Layers, the first of which is enough by itself and never left out:
 *   system calls  a seccomp filter over every thread; whatever could make, aim or fetch a socket,
 *                 run a program, or reach into another process answers EPERM (rules.c is the list)
 *   namespace     an empty network of its own, where the system lets this user make one
 *   files         Landlock: the places named and nothing else, where the kernel has it (5.13)
 *   memory        no core dump, not to be traced; no privileges to gain
 * There is no way out of a cage, and no way in that half worked: when entering fails the process
 * may be caged in part and has to end.
 *
 * Thread: enter before there is a second thread; the filter would cover it, Landlock would not. */
#ifndef HTH_CAGE_CAGE_H
#define HTH_CAGE_CAGE_H

#include <stdbool.h>

#include "base/buf.h"

typedef enum HthCageKind {
    HTH_CAGE_FRONT, /* accepts and serves on listeners that are open already; no new socket */
    HTH_CAGE_ENGINE, /* no socket call of any kind */
    HTH_CAGE_MAIN, /* only waits: no file to open, no process to make, none to signal either */
    HTH_CAGE_KINDS
} HthCageKind;

enum { /* rights over a place */
       HTH_CAGE_READ = 1,
       HTH_CAGE_WRITE = 2, /* into files that are there */
       HTH_CAGE_MAKE = 4, /* files in a folder: create, rename, remove; with WRITE */
       HTH_CAGE_FOLDERS = 8, /* folders in it too */
       HTH_CAGE_REMOVE = 16 /* files from a folder, and nothing else */
};

/* A file, or a folder with all that is below it. One that is not there is passed over: nothing can
 * be made at its name later. */
typedef struct HthCagePlace {
    const char *path; /* borrowed */
    unsigned rights;
} HthCagePlace;

typedef struct HthCageCfg {
    HthCageKind kind;
    const HthCagePlace *places; /* [place_count] what may still be opened */
    size_t place_count;
} HthCageCfg;

/* What came of it. */
typedef struct HthCageState {
    HthCageKind kind;
    uint32_t rules, instructions; /* of the filter */
    bool namespace; /* an empty network */
    int landlock_abi; /* 0: the kernel has none */
    bool files; /* only the places named can be opened */
} HthCageState;

const char *hth_cage_kind_name(HthCageKind kind); /* "front", "engine", "main" */

/* Cages this process for good. EIO: a layer that is there did not hold, or the kernel has no
 * seccomp; whoever gets an error ends the process. out may be NULL. */
HTH_MUST_CHECK HthStatus hth_cage_enter(const HthCageCfg *cfg, HthCageState *out, HthErr *err);

/* What a cage would be on this machine, asked of a child that enters one of this kind. */
HTH_MUST_CHECK HthStatus hth_cage_look(HthCageKind kind, HthCageState *out, HthErr *err);

/* ---- proof ---------------------------------------------------------------------------------- */

enum { HTH_CAGE_TRIES_MAX = 144 };

/* One way out, tried. What came back: 0: it was let through; above 0: that errno; below 0: the
 * process was killed by that signal, counted from -1. */
typedef struct HthCageTry {
    const char *name; /* static */
    int want; /* the answer of the filter */
    int rule; /* of the filter alone: the call would not have been carried out */
    int fact; /* of the filter and the system below it */
} HthCageTry;

typedef struct HthCageProof {
    HthCageState state;
    uint32_t count, denied; /* tries; those that came back as wanted both times */
    bool silent; /* nothing arrived where the tries were aimed */
    HthCageTry tries[HTH_CAGE_TRIES_MAX];
} HthCageProof;

/* Tries every way out from children that are caged as cfg says, against listeners of our own, on
 * loopback only. HTH_OK says that it was tried, hth_cage_held() that nothing came of it. EIO.
 * Thread: the only one, or the children are what fork(2) makes of a process of many. */
HTH_MUST_CHECK HthStatus hth_cage_prove(const HthCageCfg *cfg, HthCageProof *out, HthErr *err);
bool hth_cage_held(const HthCageProof *proof); /* every try denied, and silent */
/* "denied (EPERM)", "killed (SIGSYS)", "LET THROUGH" ... */
void hth_cage_answer(char *out, size_t n, int answer);
/* Appends the proof as text whose hash can be logged: the same machine gives the same bytes. */
HTH_MUST_CHECK HthStatus hth_cage_proof_text(const HthCageProof *proof, HthBuf *out, HthErr *err);

#endif
