import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { useTheme } from "@/lib/theme";
import { useMedia } from "@/lib/use-media";

/** One press turns the paper; the choice is remembered. */
export function ThemeToggle() {
  const choice = useTheme((state) => state.choice);
  const choose = useTheme((state) => state.choose);
  const systemDark = useMedia("(prefers-color-scheme: dark)");
  const dark = choice === "dark" || (choice === "system" && systemDark);
  return (
    <Button
      aria-label={dark ? "Use light paper" : "Use dark paper"}
      onClick={() => choose(dark ? "light" : "dark")}
      size="icon"
      tone="quiet"
    >
      <Icon name={dark ? "sun" : "moon"} />
    </Button>
  );
}
