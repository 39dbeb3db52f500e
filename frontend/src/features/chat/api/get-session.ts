import type { ChatSession } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const getSession = (id: string): Promise<ChatSession> => get<ChatSession>(endpoints.chatSession(id));
