import { create } from "zustand";
import { persist } from "zustand/middleware";

export type ThemeChoice = "system" | "light" | "dark";

interface ThemeState {
  choice: ThemeChoice;
  choose: (choice: ThemeChoice) => void;
}

function apply(choice: ThemeChoice): void {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

/** Which paper the shopper reads on; theme.js applies the same choice before the first paint. */
export const useTheme = create<ThemeState>()(
  persist(
    (set) => ({
      choice: "system",
      choose: (choice) => {
        apply(choice);
        set({ choice });
      },
    }),
    { name: "lantern-loom.theme", onRehydrateStorage: () => (state) => apply(state?.choice ?? "system") },
  ),
);
