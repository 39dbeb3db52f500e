import { Icon } from "@/components/ui/icon";
import { useOnline } from "@/lib/use-online";

export function OfflineBanner() {
  const online = useOnline();
  if (online) return null;
  return (
    <p className="flex items-center justify-center gap-2 bg-ink px-4 py-2 text-xs text-paper" role="status">
      <Icon name="offline" size={16} />
      You are offline. Your basket is kept here, and the shop comes back with the connection.
    </p>
  );
}
