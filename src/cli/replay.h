/* replay.h - the same model, the same prompt, the same parameters once more.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_REPLAY_H
#define HTH_CLI_REPLAY_H

#include "audit/receipt.h"
#include "cli/chat.h"

typedef struct HthReplayAsk {
    const char *model; /* NULL: ember */
    HthStr prompt;
    const char *system; /* NULL: none */
    bool rendered; /* prompt is what the template made of it */
    HthStr stops[HTH_STOPS_MAX];
    size_t stop_count; /* 0: not told */
    uint32_t threads;
    HthLoras *loras; /* files; those that the receipt does not name are dropped */
} HthReplayAsk;

/* What came of it. */
typedef struct HthReplay {
    bool prompt_checked; /* against its commitment: needs the holder's part */
    bool stops_checked; /* the stop texts were told, and are those committed to */
    bool text_checked; /* the text, too: not when stop texts cut it and were not told */
    bool same;
    bool located; /* first_* are known: needs the holder's part */
    size_t first_at; /* where they part, from 0 */
    int64_t first_want, first_got; /* token ids; -1: the answer had ended there */
    size_t id_count; /* tokens that were compared */
    const char *isa;
} HthReplay;

/* HTH_OK: it was run, and out->same tells.  An error: it was not, or is of something else: another
 * model, prompt or numerics.  The sentence is in *err; a sentence that has been printed already
 * leaves it empty, and its exit code in *code. */
HTH_MUST_CHECK HthStatus hth_replay(HthReplay *out, const HthReceipt *r, const HthReplayAsk *ask,
                                    int *code, HthErr *err);

#endif
