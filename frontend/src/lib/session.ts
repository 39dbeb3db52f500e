import { create } from "zustand";
import { persist } from "zustand/middleware";
import type { Session, User } from "@/api/types";

interface SessionState {
  user: User | null;
  accessToken: string | null;
  refreshToken: string | null;
  signIn: (session: Session) => void;
  signOut: () => void;
}

/** Who is signed in on this device. */
export const useSession = create<SessionState>()(
  persist(
    (set) => ({
      user: null,
      accessToken: null,
      refreshToken: null,
      signIn: (session) =>
        set({ user: session.user, accessToken: session.access_token, refreshToken: session.refresh_token }),
      signOut: () => set({ user: null, accessToken: null, refreshToken: null }),
    }),
    { name: "lantern-loom.session" },
  ),
);
