import { create } from "zustand";
import { persist } from "zustand/middleware";

const KEEP = 12;

interface RecentState {
  ids: string[];
  note: (id: string) => void;
}

/** What was looked at lately on this device, newest first. */
export const useRecent = create<RecentState>()(
  persist(
    (set) => ({
      ids: [],
      note: (id) =>
        set((state) => ({ ids: [id, ...state.ids.filter((each) => each !== id)].slice(0, KEEP) })),
    }),
    { name: "lantern-loom.recent" },
  ),
);
