import type { CSSProperties } from "react";
import { cx } from "@/lib/class-names";

export interface Prop {
  picture: string;
  /** Where its middle stands, in percent of the width. */
  at: number;
  /** How wide it is, in percent of the shorter side. */
  size: number;
  /** Where its foot stands, in percent from the top; 0 hangs it from the ceiling. */
  stand: number;
  turn?: number;
}

interface SceneProps {
  props: Prop[];
  ground: string;
  backdrop?: "sun" | "arch" | "none";
  className?: string;
  /** Above the fold pictures are wanted at once, elsewhere when they come near. */
  eager?: boolean;
}

/** Objects on a floor in front of a wall: decoration, so it is silent to readers. */
export function Scene({ props, ground, backdrop = "none", className, eager = false }: SceneProps) {
  return (
    <div
      aria-hidden="true"
      className={cx("scene", className)}
      style={{ "--ground": ground } as CSSProperties}
    >
      {backdrop === "sun" && <div className="scene-sun" />}
      {backdrop === "arch" && <div className="scene-arch" />}
      {props.map((prop) => (
        <div
          className={cx("prop", prop.stand === 0 && "prop-hanging")}
          key={`${prop.picture}-${String(prop.at)}`}
          style={
            {
              "--at": `${String(prop.at)}%`,
              "--size": `${String(prop.size)}cqmin`,
              "--stand": `${String(prop.stand)}%`,
            } as CSSProperties
          }
        >
          <img
            alt=""
            // A picture that cannot be fetched leaves nothing behind, not even its shadow.
            onError={(event) => event.currentTarget.parentElement?.setAttribute("hidden", "")}
            decoding="async"
            height={256}
            loading={eager ? "eager" : "lazy"}
            src={prop.picture}
            style={prop.turn ? { rotate: `${String(prop.turn)}deg` } : undefined}
            width={256}
          />
        </div>
      ))}
    </div>
  );
}
