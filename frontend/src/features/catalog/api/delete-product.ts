import { endpoints } from "@/config/paths";
import { remove } from "@/lib/http";

export const deleteProduct = (id: string): Promise<void> => remove(endpoints.product(id));
