import { useCallback, useEffect, useRef, useState } from "react";
import type { DescriptionRequest, Finding } from "@/api/staff-types";
import { generateDescription } from "@/features/copywriting/api/generate-description";

export interface Draft {
  text: string;
  findings: Finding[];
  model: string | null;
  degraded: string[];
  state: "empty" | "writing" | "done" | "stopped" | "failed";
  error: unknown;
}

const nothing: Draft = { text: "", findings: [], model: null, degraded: [], state: "empty", error: null };

/** A draft that is being written, and then belongs to whoever edits it. */
export function useDraft() {
  const [draft, setDraft] = useState<Draft>(nothing);
  const running = useRef<AbortController | null>(null);

  const write = useCallback(async (request: DescriptionRequest) => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    setDraft({ ...nothing, state: "writing" });
    try {
      await generateDescription(
        request,
        {
          onDelta: (text) => setDraft((now) => ({ ...now, text: now.text + text })),
          onFinding: (finding) => setDraft((now) => ({ ...now, findings: [...now.findings, finding] })),
          onFinished: (finished) => setDraft((now) => ({ ...now, ...finished, state: "done" })),
        },
        control.signal,
      );
    } catch (error) {
      if (!control.signal.aborted) setDraft((now) => ({ ...now, state: "failed", error }));
    }
  }, []);

  const stop = useCallback(() => {
    running.current?.abort();
    setDraft((now) => ({ ...now, state: "stopped" }));
  }, []);
  const reset = useCallback(() => {
    running.current?.abort();
    setDraft(nothing);
  }, []);
  const setText = useCallback((text: string) => setDraft((now) => ({ ...now, text })), []);

  useEffect(() => () => running.current?.abort(), []);
  return { draft, write, stop, reset, setText };
}
