//! PosEvent as Avro: its fields against a writer's schema, and the writer of our own.

use super::compile::{self, Compiler, Nullable, mismatch};
use super::input::Input;
use super::leaves::{DecimalLeaf, SymbolLeaf, TextLeaf, TimeLeaf, items};
use super::plan::{FieldSpec, Fields, Leaf, RecordPlan, Slot, record};
use super::write::{self, Unwritable};
use crate::codec::fault::Read;
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::limits::ITEMS_MAX;
use crate::domain::pos_event::{PosEvent, PosItem};
use apache_avro::Schema;

record! {
    /// A field of an event.
    EventField fills PosEvent<'a>, "PosEvent" {
        AccountNumber(TextLeaf) = account_number, "accountNumber", false, required_text;
        EventType(SymbolLeaf<EventType>) = event_type, "eventType", false, |compiler: &mut Compiler<'_>, writer| {
            let symbol = compile::symbol("EventType", EventType::from_symbol, EventType::Unrecognized);
            compiler.slot(writer, Nullable::No, symbol)
        };
        CategoryType(SymbolLeaf<CategoryType>) = category_type, "categoryType", true,
            |compiler: &mut Compiler<'_>, writer| {
                let from = CategoryType::from_symbol;
                let symbol = compile::symbol("CategoryType", from, CategoryType::Unrecognized);
                compiler.slot(writer, Nullable::Yes, symbol)
            };
        Time(TimeLeaf) = time, "time", false,
            |compiler: &mut Compiler<'_>, writer| compiler.slot(writer, Nullable::No, compile::time);
        NfcId(TextLeaf) = nfc_id, "nfcId", true, optional_text;
        PosId(TextLeaf) = pos_id, "posId", true, optional_text;
        PosName(TextLeaf) = pos_name, "posName", true, optional_text;
        TotalTax(DecimalLeaf) = total_tax, "totalTax", true, total;
        TotalAmount(DecimalLeaf) = total_amount, "totalAmount", true, total;
        Items(ItemsLeaf) = items, "items", true,
            |compiler: &mut Compiler<'_>, writer| compiler.slot(writer, Nullable::No, item_list);
        Currency(SymbolLeaf<Currency>) = currency, "currency", false, |compiler: &mut Compiler<'_>, writer| {
            let symbol = compile::symbol("Currency", Currency::from_symbol, Currency::Unrecognized);
            compiler.slot(writer, Nullable::No, symbol)
        };
        AccountTransactionId(TextLeaf) = account_transaction_id, "accountTransactionId", true, optional_text;
        CountryCode(SymbolLeaf<CountryCode>) = country_code, "countryCode", false,
            |compiler: &mut Compiler<'_>, writer| {
                let symbol = compile::symbol("CountryCode", CountryCode::from_symbol, CountryCode::Unrecognized);
                compiler.slot(writer, Nullable::No, symbol)
            };
        ConversationLanguage(SymbolLeaf<Language>) = conversation_language, "conversationLanguage", false,
            |compiler: &mut Compiler<'_>, writer| {
                let symbol = compile::symbol("Language", Language::from_symbol, Language::Unrecognized);
                compiler.slot(writer, Nullable::No, symbol)
            };
    }
}

record! {
    /// A field of a line.
    ItemField fills PosItem<'a>, "PosItem" {
        ItemId(TextLeaf) = item_id, "itemId", false, required_text;
        ItemDescription(TextLeaf) = item_description, "itemDescription", false, required_text;
        UnitCode(TextLeaf) = unit_code, "unitCode", false, required_text;
        Quantity(DecimalLeaf) = quantity, "quantity", false, required_price;
        UnitPrice(DecimalLeaf) = unit_price, "unitPrice", false, required_price;
        NetAmount(DecimalLeaf) = net_amount, "netAmount", true, optional_price;
        TaxAmount(DecimalLeaf) = tax_amount, "taxAmount", true, optional_price;
        Discount(DecimalLeaf) = discount, "discount", true, total;
        GrossAmount(DecimalLeaf) = gross_amount, "grossAmount", true, total;
    }
}

/// Scale of totals in our schema.
const TOTAL_SCALE: u8 = 4;
/// Scale of quantities and prices in our schema.
const PRICE_SCALE: u8 = 6;

fn required_text(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<Slot<TextLeaf>> {
    compiler.slot(writer, Nullable::No, compile::text)
}

fn optional_text(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<Slot<TextLeaf>> {
    compiler.slot(writer, Nullable::Yes, compile::text)
}

fn total(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<Slot<DecimalLeaf>> {
    compiler.slot(writer, Nullable::Yes, compile::decimal(TOTAL_SCALE.into()))
}

fn required_price(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<Slot<DecimalLeaf>> {
    compiler.slot(writer, Nullable::No, compile::decimal(PRICE_SCALE.into()))
}

fn optional_price(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<Slot<DecimalLeaf>> {
    compiler.slot(writer, Nullable::Yes, compile::decimal(PRICE_SCALE.into()))
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

fn item_list(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<ItemsLeaf> {
    match writer {
        Schema::Array(array) => {
            let item = |compiler: &mut Compiler<'_>, writer: &Schema| {
                compile::record(compiler, writer).map(ItemLeaf)
            };
            Ok(ItemsLeaf(compiler.slot(&array.items, Nullable::No, item)?))
        }
        other => Err(mismatch("an array", other)),
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
