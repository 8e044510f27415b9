//! PosEvent as Avro: its fields against a writer's schema, and the writer of our own.

use super::compile::{self, mismatch};
use super::input::Input;
use super::leaves::{DecimalLeaf, SymbolLeaf, TextLeaf, TimeLeaf, items};
use super::plan::{FieldSpec, Fields, Leaf, RecordPlan, Slot, record};
use super::schema::{Type, Use, WriterSchema};
use super::write::{self, Unwritable};
use crate::codec::fault::Read;
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::limits::ITEMS_MAX;
use crate::domain::pos_event::{PosEvent, PosItem};

record! {
    /// A field of an event.
    EventField fills PosEvent<'a>, "PosEvent" {
        AccountNumber(TextLeaf) = account_number, "accountNumber", false, text;
        EventType(SymbolLeaf<EventType>) = event_type, "eventType", false, |schema: &WriterSchema, writer: &Use| {
            let symbol = compile::symbol("EventType", EventType::from_symbol, EventType::Unrecognized);
            compile::slot(schema, writer, symbol)
        };
        CategoryType(SymbolLeaf<CategoryType>) = category_type, "categoryType", true,
            |schema: &WriterSchema, writer: &Use| {
                let from = CategoryType::from_symbol;
                let symbol = compile::symbol("CategoryType", from, CategoryType::Unrecognized);
                compile::slot(schema, writer, symbol)
            };
        Time(TimeLeaf) = time, "time", false,
            |schema: &WriterSchema, writer: &Use| compile::slot(schema, writer, compile::time);
        NfcId(TextLeaf) = nfc_id, "nfcId", true, text;
        PosId(TextLeaf) = pos_id, "posId", true, text;
        PosName(TextLeaf) = pos_name, "posName", true, text;
        TotalTax(DecimalLeaf) = total_tax, "totalTax", true, decimal;
        TotalAmount(DecimalLeaf) = total_amount, "totalAmount", true, decimal;
        Items(ItemsLeaf) = items, "items", true,
            |schema: &WriterSchema, writer: &Use| compile::slot(schema, writer, item_list);
        Currency(SymbolLeaf<Currency>) = currency, "currency", false, |schema: &WriterSchema, writer: &Use| {
            let symbol = compile::symbol("Currency", Currency::from_symbol, Currency::Unrecognized);
            compile::slot(schema, writer, symbol)
        };
        AccountTransactionId(TextLeaf) = account_transaction_id, "accountTransactionId", true, text;
        CorrectsTransactionId(TextLeaf) = corrects_transaction_id, "correctsTransactionId", true, text;
        CountryCode(SymbolLeaf<CountryCode>) = country_code, "countryCode", false,
            |schema: &WriterSchema, writer: &Use| {
                let symbol = compile::symbol("CountryCode", CountryCode::from_symbol, CountryCode::Unrecognized);
                compile::slot(schema, writer, symbol)
            };
        ConversationLanguage(SymbolLeaf<Language>) = conversation_language, "conversationLanguage", false,
            |schema: &WriterSchema, writer: &Use| {
                let symbol = compile::symbol("Language", Language::from_symbol, Language::Unrecognized);
                compile::slot(schema, writer, symbol)
            };
    }
}

record! {
    /// A field of a line.
    ItemField fills PosItem<'a>, "PosItem" {
        ItemId(TextLeaf) = item_id, "itemId", false, text;
        ItemDescription(TextLeaf) = item_description, "itemDescription", false, text;
        UnitCode(TextLeaf) = unit_code, "unitCode", false, text;
        Quantity(DecimalLeaf) = quantity, "quantity", false, decimal;
        UnitPrice(DecimalLeaf) = unit_price, "unitPrice", false, decimal;
        NetAmount(DecimalLeaf) = net_amount, "netAmount", true, decimal;
        TaxAmount(DecimalLeaf) = tax_amount, "taxAmount", true, decimal;
        Discount(DecimalLeaf) = discount, "discount", true, decimal;
        GrossAmount(DecimalLeaf) = gross_amount, "grossAmount", true, decimal;
    }
}

/// Scale of totals in our schema.
const TOTAL_SCALE: u8 = 4;
/// Scale of quantities and prices in our schema.
const PRICE_SCALE: u8 = 6;

fn text(schema: &WriterSchema, writer: &Use) -> Read<Slot<TextLeaf>> {
    compile::slot(schema, writer, compile::text)
}

fn decimal(schema: &WriterSchema, writer: &Use) -> Read<Slot<DecimalLeaf>> {
    compile::slot(schema, writer, compile::decimal)
}

/// The basket.
#[derive(Debug)]
pub(super) struct ItemsLeaf(Slot<ItemLeaf>);

/// A line, filled where it stands in the list.
#[derive(Debug)]
struct ItemLeaf(RecordPlan<ItemField>);

impl Leaf for ItemLeaf {
    type Target<'a> = PosItem<'a>;

    #[inline]
    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        self.0.read_into(input, target)
    }
}

impl Leaf for ItemsLeaf {
    type Target<'a> = Vec<PosItem<'a>>;

    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        // A line has three texts at least: room is made only for lines that can be there.
        const LINE_BYTES_MIN: usize = 3;
        items(input, ITEMS_MAX, |input, index, still| {
            if target.len() == target.capacity() {
                target.reserve(still.min(input.left() / LINE_BYTES_MIN + 1));
            }
            let line = target.push_mut(PosItem::default());
            self.0.read(input, line).map_err(|fault| fault.in_item(index))
        })
    }
}

fn item_list(schema: &WriterSchema, writer: &Use) -> Read<ItemsLeaf> {
    match schema.kind(writer) {
        Type::Array(items) => {
            let item = |schema: &WriterSchema, writer: &Use| compile::record(schema, writer).map(ItemLeaf);
            Ok(ItemsLeaf(compile::element(schema, items, item)?))
        }
        _ => Err(mismatch("an array", schema, writer)),
    }
}

/// Appends `event` as a datum of `schemas/pos_event.avsc`.
///
/// # Errors
/// Where the schema has no place for the event: a required field is absent, a decimal has more digits
/// than its scale, a value is none. A symbol that the contract does not have is written as `Unrecognized`.
pub fn write_pos_event(event: &PosEvent<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    write::required_text("accountNumber", event.account_number.as_deref(), out)?;
    write::required_symbol("eventType", &event.event_type, EventType::index, out)?;
    write::optional_symbol(&event.category_type, CategoryType::index, out);
    write::required_time("time", event.time.value(), out)?;
    write::optional_text(event.nfc_id.as_deref(), out);
    write::optional_text(event.pos_id.as_deref(), out);
    write::optional_text(event.pos_name.as_deref(), out);
    write::optional_decimal("totalTax", &event.total_tax, TOTAL_SCALE, out)?;
    write::optional_decimal("totalAmount", &event.total_amount, TOTAL_SCALE, out)?;
    write::list(&event.items, out, write_item)?;
    write::required_symbol("currency", &event.currency, Currency::index, out)?;
    write::optional_text(event.account_transaction_id.as_deref(), out);
    write::optional_text(event.corrects_transaction_id.as_deref(), out);
    write::required_symbol("countryCode", &event.country_code, CountryCode::index, out)?;
    write::required_symbol("conversationLanguage", &event.conversation_language, Language::index, out)
}

fn write_item(item: &PosItem<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    write::required_text("itemId", item.item_id.as_deref(), out)?;
    write::required_text("itemDescription", item.item_description.as_deref(), out)?;
    write::required_text("unitCode", item.unit_code.as_deref(), out)?;
    write::required_decimal("quantity", &item.quantity, PRICE_SCALE, out)?;
    write::required_decimal("unitPrice", &item.unit_price, PRICE_SCALE, out)?;
    write::optional_decimal("netAmount", &item.net_amount, PRICE_SCALE, out)?;
    write::optional_decimal("taxAmount", &item.tax_amount, PRICE_SCALE, out)?;
    write::optional_decimal("discount", &item.discount, TOTAL_SCALE, out)?;
    write::optional_decimal("grossAmount", &item.gross_amount, TOTAL_SCALE, out)
}
