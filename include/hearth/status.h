/* status.h - how every hearth function reports failure.
 *
 * A function that can fail returns HthStatus and fills HthErr: a code for control flow, a sentence
 * for people.  The sentence says what was wrong, where, and what to do; it never quotes user text.
 *
 * Thread: any.  HthErr is plain data owned by the caller. */
#ifndef HEARTH_STATUS_H
#define HEARTH_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum HthStatus {
    HTH_OK = 0,
    HTH_EINVAL = -1, /* an argument or option makes no sense */
    HTH_ENOMEM = -2, /* out of memory */
    HTH_EIO = -3, /* the operating system refused a read, write or open */
    HTH_EFORMAT = -4, /* a file or message is not what it claims to be */
    HTH_EAGAIN = -5, /* flow, not failure: try again later */
    HTH_EDENIED = -6, /* policy or permission */
    HTH_ELIMIT = -7, /* a stated ceiling was reached */
    HTH_ENOTSUP = -8, /* well-formed, but hearth cannot do it */
    HTH_ECANCELED = -9, /* the caller asked to stop */
} HthStatus;

typedef struct HthErr {
    HthStatus status;
    int line; /* where in hearth's source */
    const char *file; /* static string */
    char text[240]; /* one sentence, NUL-terminated */
} HthErr;

/* A short stable name: "EFORMAT". Never NULL. */
const char *hth_status_name(HthStatus status);

#ifdef __cplusplus
}
#endif
#endif
