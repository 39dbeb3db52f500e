import { create } from "zustand";
import { persist } from "zustand/middleware";
import type { Session, User } from "@/api/types";

interface SessionState {
  user: User | null;
  /** Lives in this page only. What outlasts it is a cookie that no script can read. */
  accessToken: string | null;
  signIn: (session: Session) => void;
  signOut: () => void;
}

const KEY = "lantern-loom.session";

/** Who is signed in on this device. */
export const useSession = create<SessionState>()(
  persist(
    (set) => ({
      user: null,
      accessToken: null,
      signIn: (session) => set({ user: session.user, accessToken: session.access_token }),
      signOut: () => set({ user: null, accessToken: null }),
    }),
    {
      name: KEY,
      // Earlier pages kept their tokens here: what they left is written anew without them.
      version: 1,
      migrate: (kept) => ({ user: (kept as Partial<SessionState>).user ?? null }),
      partialize: ({ user }) => ({ user }),
    },
  ),
);

/** What happens in another tab happens here: who signs out there is signed out here, and another person is another. */
export function followOtherTabs(): () => void {
  const onChange = (event: StorageEvent) => {
    if (event.key !== KEY) return;
    const before = useSession.getState().user?.id;
    void useSession.persist.rehydrate();
    if (useSession.getState().user?.id !== before) useSession.setState({ accessToken: null });
  };
  window.addEventListener("storage", onChange);
  return () => window.removeEventListener("storage", onChange);
}
