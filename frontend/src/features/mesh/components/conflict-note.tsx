import { Button } from "@/components/ui/button";

interface ConflictNoteProps {
  /** What is there now. */
  theirs: string;
  busy: boolean;
  onTakeTheirs: () => void;
  onKeepMine: () => void;
}

/** Two people edited the same file: nothing is lost, and whoever comes second decides with both before them. */
export function ConflictNote({ theirs, busy, onTakeTheirs, onKeepMine }: ConflictNoteProps) {
  return (
    <div className="rounded-md bg-ember-wash p-4" role="alert">
      <p className="font-semibold">Somebody changed the file while you were writing</p>
      <p className="mt-1 text-muted">
        Yours is not applied and still stands here. Go on with theirs, or see what yours would change in it.
      </p>
      <details className="mt-3">
        <summary className="text-sm">What is there now</summary>
        <pre className="mt-2 max-h-60 overflow-auto rounded-sm bg-surface px-3 py-2 font-mono text-xs">
          {theirs.trim() || "Nothing: the file is empty."}
        </pre>
      </details>
      <div className="mt-4 flex flex-wrap gap-3">
        <Button onClick={onTakeTheirs} size="small">
          Go on with theirs
        </Button>
        <Button busy={busy} onClick={onKeepMine} size="small">
          Check mine against it
        </Button>
      </div>
    </div>
  );
}
