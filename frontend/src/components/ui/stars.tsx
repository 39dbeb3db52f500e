import { cx } from "@/lib/class-names";

const STAR =
  "M12 2.800l2.850 5.900 6.450.900-4.700 4.500 1.150 6.450L12 17.450l-5.750 3.100 1.150-6.450L2.700 9.600l6.450-.900z";

interface StarsProps {
  value: number;
  size?: number;
  className?: string;
}

/** Five stars, filled to a tenth. */
export function Stars({ value, size = 14, className }: StarsProps) {
  return (
    <span
      aria-label={`${value.toFixed(1)} out of 5 stars`}
      className={cx("relative inline-flex", className)}
      role="img"
    >
      <Row className="text-line-strong opacity-45" size={size} />
      <span
        className="absolute inset-y-0 left-0 overflow-hidden"
        style={{ width: `${String((value / 5) * 100)}%` }}
      >
        <Row className="text-ember" size={size} />
      </span>
    </span>
  );
}

function Row({ size, className }: { size: number; className: string }) {
  return (
    <span aria-hidden="true" className={cx("flex", className)} style={{ width: size * 5 }}>
      {[0, 1, 2, 3, 4].map((index) => (
        <svg fill="currentColor" height={size} key={index} viewBox="0 0 24 24" width={size}>
          <path d={STAR} />
        </svg>
      ))}
    </span>
  );
}
