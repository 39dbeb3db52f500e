/** How often, step by step; what failed stands out at the foot of its bar. */
export function Spark({ counts, errors }: { counts: number[]; errors?: number[] }) {
  const most = Math.max(...counts, 1);
  return (
    <svg
      aria-hidden="true"
      className="block h-6 w-full"
      preserveAspectRatio="none"
      viewBox={`0 0 ${Math.max(counts.length, 1)} 1`}
    >
      {counts.map((count, turn) => {
        const height = count > 0 ? Math.max(count / most, 0.06) : 0;
        const failed = Math.min((errors?.[turn] ?? 0) / most, height);
        return (
          <g key={turn}>
            <rect fill="var(--line-strong)" height={height} width={0.8} x={turn + 0.1} y={1 - height} />
            {failed > 0 && (
              <rect
                fill="var(--brick)"
                height={Math.max(failed, 0.12)}
                width={0.8}
                x={turn + 0.1}
                y={1 - Math.max(failed, 0.12)}
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}
