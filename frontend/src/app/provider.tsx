import { QueryClientProvider } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { Toaster } from "@/components/ui/toaster";
import { flushEventsOnHide } from "@/lib/events";
import { queryClient } from "@/lib/query";
import { followOtherTabs } from "@/lib/session";

export function Provider({ children }: { children: ReactNode }) {
  useEffect(() => flushEventsOnHide(), []);
  useEffect(() => followOtherTabs(), []);
  return (
    <QueryClientProvider client={queryClient}>
      {children}
      <Toaster />
    </QueryClientProvider>
  );
}
